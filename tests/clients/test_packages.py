"""What the docs say of JavaScript is what is tested."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.node import CLIENTS

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["chat.jsx", "resumed_chat.jsx"])
def test_a_page_of_the_docs_is_one_that_is_tested(name: str) -> None:
    """The example is the whole file."""
    examples = re.findall(r"```jsx\n(.*?)```", (DOCS / "serving.md").read_text(), re.DOTALL)
    assert (CLIENTS.folder / "page" / name).read_text() in examples


def test_the_docs_name_the_versions_that_are_tested() -> None:
    """Each client from npm has its version in the table."""
    package = json.loads((CLIENTS.folder / "package.json").read_text())
    table = re.findall(r"^\| `(.+?)`.*? \| ([\d.]+) \|", (DOCS / "testing.md").read_text(), re.M)
    for name, version in package["dependencies"].items():
        if name not in TOOLS:
            alias = re.fullmatch(r"npm:(.+)@(.+)", version)
            assert (alias.groups() if alias else (name, version)) in table


TOOLS = {"esbuild", "playwright-core", "react", "react-dom", "zod"}


def test_the_lock_file_names_no_registry() -> None:
    """Packages come from the registry that npm is set up with."""
    assert CLIENTS.resolved_packages() == []
