"""The files below a folder: in a fixed order, without hidden ones, each folder once."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a relative path matches one of these patterns.

    A pattern without a slash is for the name of a file, at any depth; `**` stands for any folders.
    Upper and lower case are the same.
    """
    expressions = "|".join(f"(?:{_expression(pattern)})" for pattern in patterns)
    compiled = re.compile(expressions, re.IGNORECASE | re.DOTALL)
    return lambda path: compiled.fullmatch(path) is not None


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression of a path with slashes."""
    *folders, name = pattern.removeprefix("./").strip("/").split("/")
    if not folders:
        folders = ["**"]
    parts = ["(?:[^/]+/)*" if each == "**" else f"{_segment(each)}/" for each in folders]
    return "".join([*parts, ".*" if name == "**" else _segment(name)])


def _segment(pattern: str) -> str:
    """Return the part of a pattern between two slashes as a regular expression."""
    parts = re.split(r"(\*|\?|\[!?[^]]+\])", pattern)
    return "".join(_WILDCARDS.get(part) or _plain_or_set(part) for part in parts)


_WILDCARDS = {"*": "[^/]*", "?": "[^/]"}


def _plain_or_set(part: str) -> str:
    is_set = len(part) > 2 and part.startswith("[") and part.endswith("]")
    return _set(part[1:-1]) if is_set else re.escape(part)


def _set(inside: str) -> str:
    """Return a set of characters as a regular expression; a range from high to low has none."""
    is_negated = inside.startswith("!")
    members = ""
    left = inside[is_negated:]
    while left:
        first, last, size = left[0], left[0], 1
        if len(left) > 2 and left[1] == "-":
            last, size = left[2], 3
        left = left[size:]
        if first <= last:
            members += f"{re.escape(first)}-{re.escape(last)}"
    if not members:
        return "[^/]" if is_negated else "(?!)"
    return f"[^/{members}]" if is_negated else f"[{members}]"


class LinkOutside(OSError):
    """A link that leads out of the folder that is read."""


def files_below(
    folder: Path,
    is_wanted: Callable[[str], bool],
    on_error: Callable[[Path, OSError], None],
    *,
    links_outside: bool = False,
) -> Iterator[Path]:
    """Yield the files below a folder whose relative path is wanted, sorted by path.

    Links are followed, and a folder that several lead to is read once, so loops end. Hidden files
    and folders, those whose name begins with a dot, are left out, and so is what is no file, such
    as a pipe.

    Args:
        folder: where to look.
        is_wanted: tells by the path, with slashes, whether a file is wanted.
        on_error: receives each folder that cannot be read, with the error, and each link that leads
            out of the folder, with a `LinkOutside`.
        links_outside: whether links that lead out of the folder are followed, too.
    """
    inside = os.path.realpath(folder)
    seen: set[tuple[int, int]] = set()
    waiting = [(folder, "")]
    while waiting:
        path, relative = waiting.pop()
        is_outside = bool(relative) and not links_outside and _leads_outside(path, inside)
        if is_outside and (path.is_dir() or is_wanted(relative)):
            on_error(path, LinkOutside(f"it is a link to {os.path.realpath(path)!r}"))
        if is_outside:
            continue
        if relative and not path.is_dir():
            if is_wanted(relative) and (path.is_file() or not path.exists()):  # or a broken link
                yield path
            continue
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            names = sorted(os.listdir(path), reverse=True)
        except OSError as error:
            on_error(path, error)
            continue
        waiting += [
            (path / name, f"{relative}/{name}" if relative else name)
            for name in names
            if not name.startswith(".")
        ]


def _leads_outside(path: Path, inside: str) -> bool:
    """Tell whether a path is a link to something that is not below a folder."""
    if not path.is_symlink():
        return False
    target = os.path.realpath(path)
    return target != inside and not target.startswith(os.path.join(inside, ""))
