"""The page in a browser, for the tests that look at it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.node import CLIENTS, chromium_option

PAGE = CLIENTS.folder / "page"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the option with the path of Chromium."""
    return chromium_option()


@pytest.fixture(scope="session")
def built_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the files of the page."""
    folder = tmp_path_factory.mktemp("page")
    options = ["--bundle", "--jsx=automatic", "--format=esm", f"--outdir={folder}"]
    options.append('--define:process.env.NODE_ENV="development"')  # React then warns of mistakes
    CLIENTS.run("node_modules/esbuild/bin/esbuild", "page/main.jsx", *options)
    shutil.copy(PAGE / "index.html", folder)
    return folder
