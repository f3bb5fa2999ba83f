"""The command `runnables skill`: how the library is used well, for coding assistants."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def skill(folder: Path | None = None, /) -> int:
    """Print how the library is used well, for coding assistants, or copy that into a folder.

    Args:
        folder: a folder of skills, such as .claude/skills; the copy is runnables/SKILL.md in it,
            and replaces one that is there.
    """
    text = read_skill()
    if folder is None:
        print(text, end="")
        return 0
    target = folder / "runnables" / "SKILL.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(target)
    return 0


def read_skill() -> str:
    """Return the text of the skill file, which lies where assistants look for it in packages."""
    return (files("runnables") / ".agents/skills/runnables/SKILL.md").read_text(encoding="utf-8")
