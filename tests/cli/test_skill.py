"""`runnables skill` prints or copies the page for coding assistants."""

from __future__ import annotations

import re
from pathlib import Path

import runnables
from tests.cli.commands import command
from tests.docs.pages import SKILL


def test_the_skill_is_printed(folder: Path) -> None:
    """As it is in the package."""
    done = command(folder, "skill")
    assert (done.returncode, done.stdout) == (0, SKILL.read_text(encoding="utf-8"))


def test_the_skill_is_copied_into_a_folder_of_skills(folder: Path) -> None:
    """Under its own name; a copy of another version is replaced, and its path is printed."""
    copy = folder / "skills" / "runnables" / "SKILL.md"
    for _ in range(2):
        done = command(folder, "skill", "skills")
        assert (done.returncode, done.stdout) == (0, "skills/runnables/SKILL.md\n")
        assert copy.read_text(encoding="utf-8") == SKILL.read_text(encoding="utf-8")
        copy.write_text("of another version", encoding="utf-8")


def test_the_skill_begins_with_its_name_and_when_it_is_used() -> None:
    """The front matter that assistants read; the name is that of its folder."""
    text = SKILL.read_text(encoding="utf-8")
    front = re.match(r'---\nname: ([a-z-]+)\ndescription: "([^"\n]+)"\n---\n\n# ', text)
    assert front is not None
    assert front[1] == SKILL.parent.name
    assert len(front[2]) < 1024
    assert "Use it when" in front[2]
    assert len(text.splitlines()) < 200


def test_every_name_of_the_library_in_the_skill_exists() -> None:
    """Also those that are only mentioned, outside of code that runs."""
    text = SKILL.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"`([A-Z]\w+)`|`([a-z]\w+)\(", text))
    names = {name for pair in mentioned for name in pair if name}
    elsewhere = {"ChatOpenAI", "create_app"}
    unknown = {name for name in names - elsewhere if name not in runnables.__all__}
    assert not unknown, unknown
