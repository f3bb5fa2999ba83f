"""The cells of a notebook or script, as Python without what only a notebook's shell understands."""

from __future__ import annotations

import json
import re
from typing import Any

_CELL_MARK = re.compile(r"^# ?%%.*$", re.MULTILINE)
_FOREIGN = re.compile(r"^\s*%%(?!time|timeit|capture)\w+")  # the cell is of another language
_MAGIC = re.compile(r"^(\s*)(?:%+\w|!|\?)")
_ASSIGNED = re.compile(r"^(\s*[\w, ]+=\s*)[!%]\S")
_HELP = re.compile(r"^\s*[\w.]+\?+\s*$")


def cells_of(path: str, text: str) -> list[str]:
    """Return the code of each cell; a script is one cell, or several between marks `# %%`.

    Args:
        path: the path of the file, which says what it is.
        text: what it contains.
    """
    if path.endswith(".ipynb"):
        notebook: Any = json.loads(text)
        found = [
            "".join(cell.get("source", ()))
            for cell in notebook.get("cells", ())
            if cell.get("cell_type") == "code"
        ]
    else:
        found = _CELL_MARK.split(text)
    plain = [without_magics(cell) for cell in found]
    return [cell for cell in plain if _has_code(cell)]


def _has_code(cell: str) -> bool:
    lines = (line.strip() for line in cell.splitlines())
    return any(line and line != "pass" and not line.startswith("#") for line in lines)


def without_magics(cell: str) -> str:
    """Return a cell without its magics and shell commands: each is `pass`, or an empty list."""
    if _FOREIGN.match(cell):
        return ""
    lines: list[str] = []
    continued = inside = False
    for line in cell.splitlines():
        if continued:
            continued = line.rstrip().endswith("\\")
            continue
        if not inside and (found := _ASSIGNED.match(line)):
            continued = line.rstrip().endswith("\\")
            lines.append(f"{found[1]}[]")
        elif not inside and (found := _MAGIC.match(line)):
            continued = line.rstrip().endswith("\\")
            lines.append(f"{found[1]}pass")
        elif not inside and _HELP.match(line):
            lines.append("pass")
        else:
            lines.append(line)
            if (line.count('"""') + line.count("'''")) % 2:
                inside = not inside
    return "\n".join(lines)
