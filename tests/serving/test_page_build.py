"""The files of the page are those that its sources give, and loads nothing from elsewhere."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest

from tests.node import PAGE, ROOT, NodeFolder

BUILT = ROOT / "runnables" / "serving" / "page"


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by their names."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.javascript
def test_the_page_is_what_its_sources_give(tmp_path: Path) -> None:
    """A build of the sources, whose types are right, gives the files that are in the package.

    To build them again: `npm ci && npm run build`, in the folder `page`.
    """
    PAGE.install()
    PAGE.run_npm("run", "check")
    sources = NodeFolder(shutil.copytree(PAGE.folder, tmp_path / "page", symlinks=True))
    sources.run_npm("run", "build")
    assert files(tmp_path / "runnables" / "serving" / "page") == files(BUILT)


def test_the_page_is_small() -> None:
    """A browser loads less than 40 kB, compressed as a proxy may do it."""
    assert sum(len(gzip.compress(content)) for content in files(BUILT).values()) < 40_000


def test_the_page_names_no_other_server() -> None:
    """There is no address in it but those of XML's names."""
    for name, content in files(BUILT).items():
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", content.decode()))
        assert addresses <= {"http://www.w3.org"}, name


def test_the_lock_file_names_no_registry() -> None:
    """Packages come from the registry of the machine that installs them."""
    assert PAGE.resolved_packages() == []
