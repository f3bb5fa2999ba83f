"""The error of a missing extra says the command that works for how this package was installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

ASK = """
import sys
sys.prefix = {prefix!r}
from runnables.core.installation import missing_extra
print(missing_extra("ChatOpenAI", "aiohttp", "openai"))
"""


def install(site: Path, installer: str | None, origin: dict[str, Any] | None) -> None:
    """Write what an installer writes beside a package."""
    info = site / "runnables-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: runnables\nVersion: 0.1.0\n")
    if installer is not None:
        (info / "INSTALLER").write_text(f"{installer}\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))


def error(site: Path, prefix: Path) -> str:
    """Return the text of the error, in a process that finds the metadata first in `site`."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", ASK.format(prefix=str(prefix))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("ChatOpenAI needs the package 'aiohttp', which is not installed.")
    return done.stdout.strip().partition("Install it with: ")[2]


VCS = {
    "url": "https://host/r.git",
    "vcs_info": {"vcs": "git", "commit_id": "0", "requested_revision": "v1"},
}
ARCHIVE = {"url": "https://host/runnables-0.1.0-py3-none-any.whl", "archive_info": {}}


@pytest.mark.parametrize(
    ("installer", "origin", "command"),
    [
        ("pip", None, 'pip install "runnables[openai]"'),
        (None, None, 'pip install "runnables[openai]"'),
        ("uv", None, 'uv pip install "runnables[openai]"'),
        ("poetry 2.1.0", None, 'poetry add "runnables[openai]"'),
        ("poetry", None, 'poetry add "runnables[openai]"'),
        ("pdm", None, 'pdm add "runnables[openai]"'),
        ("conda", None, "conda install -c conda-forge aiohttp"),
        ("pip", VCS, 'pip install "runnables[openai] @ git+https://host/r.git@v1"'),
        ("uv", VCS, 'uv pip install "runnables[openai] @ git+https://host/r.git@v1"'),
        ("pip", ARCHIVE, f'pip install "runnables[openai] @ {ARCHIVE["url"]}"'),
        ("pip", {"url": "file:///gone/x.whl", "archive_info": {}}, "pip install aiohttp"),
    ],
)
def test_the_command_is_that_of_the_installer(
    installer: str | None, origin: dict[str, Any] | None, command: str, tmp_path: Path
) -> None:
    """It names what was installed: an index, a repository, or a file that is still there."""
    install(tmp_path / "site", installer, origin)
    assert error(tmp_path / "site", tmp_path / "venv") == command


@pytest.mark.parametrize("editable", [True, False])
@pytest.mark.parametrize(("installer", "start"), [("pip", "pip install"), ("uv", "uv pip install")])
def test_a_checkout_is_installed_again_with_the_extra(
    editable: bool, installer: str, start: str, tmp_path: Path
) -> None:
    """An editable install stays one; a path may hold spaces."""
    checkout = tmp_path / "my checkout"
    checkout.mkdir()
    install(
        tmp_path / "site", installer, {"url": checkout.as_uri(), "dir_info": {"editable": editable}}
    )
    option = "-e " if editable else ""
    assert error(tmp_path / "site", tmp_path / "venv") == f'{start} {option}"{checkout}[openai]"'


def test_a_project_of_uv_gets_the_extra_into_its_file(tmp_path: Path) -> None:
    """`uv add` writes it into the project, where the next sync finds it."""
    install(tmp_path / "site", "uv", None)
    (tmp_path / "uv.lock").touch()
    assert error(tmp_path / "site", tmp_path / ".venv") == 'uv add "runnables[openai]"'


def test_the_checkout_that_uv_manages_is_synced(tmp_path: Path) -> None:
    """Its own environment gets its extras by `uv sync`."""
    install(tmp_path / "site", "uv", {"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    (tmp_path / "uv.lock").touch()
    assert error(tmp_path / "site", tmp_path / ".venv") == "uv sync --extra openai"


def test_pipx_injects_into_the_application(tmp_path: Path) -> None:
    """pipx has a name for each of its environments."""
    install(tmp_path / "site", "pip", None)
    prefix = tmp_path / "pipx" / "venvs" / "app"
    assert error(tmp_path / "site", prefix) == 'pipx inject app "runnables[openai]"'


def test_a_checkout_on_the_path_gets_the_package_itself(tmp_path: Path) -> None:
    """Nothing was installed, so there is nothing that has extras."""
    ask = (
        "import importlib.metadata as metadata\n"
        "def missing(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.distribution = missing\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask + ASK.format(prefix=str(tmp_path))],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip().endswith("Install it with: pip install aiohttp")
