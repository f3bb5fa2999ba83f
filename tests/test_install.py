"""What an install brings: two packages, which no folder of the user's hides."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # it builds wheels and environments

ROOT = Path(__file__).resolve().parents[1]

CHAT = """
from runnables import init_chat_model

print(type(init_chat_model("local")).__name__)
print(type(init_chat_model("openai:gpt-5-mini", api_key="none")).__name__)
print(init_chat_model("scripted", script=["Hello."]).invoke("Hi").content)
"""

SHOWS = "LocalChatModel\nChatOpenAI\nHello.\n"

FILES = """
from importlib.metadata import files

paths = [path for path in files("runnables") if path.parts[-2:] != ("bin", "runnables")]
tops = {path.parts[0] for path in paths}
print(*sorted(top for top in tops if not top.endswith(".dist-info")))
"""

PAGE = """
from pathlib import Path

import runnables.serving.playground

folder = Path(runnables.serving.playground.__file__).parent / "page"
print(*[path.name for path in sorted(folder.rglob("*.*"))])
"""

WHERE = """
import importlib.util, sys

print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])
"""


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _pip(python: Path | str, *arguments: str | Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", "--no-deps", *arguments)


@pytest.fixture(scope="module", params=["wheel", "editable"])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has the project, by either way to install it."""
    home = tmp_path_factory.mktemp(request.param)
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    # What the project depends on is that of this environment; the .pth files in there, which
    # make this environment's own editable install, are not read by way of a path.
    site = Path(
        _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    _pip(python, *([ROOT] if request.param == "wheel" else ["--editable", ROOT]))
    return python


@pytest.fixture(params=["an empty folder", "a package"])
def application(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of a user's with a script, and a folder `providers` beside it."""
    (tmp_path / "app.py").write_text(CHAT, encoding="utf-8")
    (tmp_path / "providers").mkdir()
    if request.param == "a package":
        (tmp_path / "providers" / "__init__.py").write_text("mine = True\n", encoding="utf-8")
    return tmp_path


def test_a_folder_named_providers_hides_no_model(python: Path, application: Path) -> None:
    """Models are found by a script beside such a folder, and from a prompt inside its parent."""
    assert _run(python, application / "app.py") == SHOWS
    assert _run(python, "-c", CHAT, cwd=application) == SHOWS


def test_nothing_else_of_the_repository_can_be_imported(python: Path, tmp_path: Path) -> None:
    """An install, also an editable one, brings the two packages and no other name."""
    names = ("runnables", "runnables_providers", "providers", "tests", "benchmarks", "scripts")
    assert _run(python, "-c", WHERE, *names, cwd=tmp_path) == "runnables runnables_providers\n"


@pytest.mark.parametrize("python", ["wheel"], indirect=True)
def test_a_wheel_holds_two_packages(python: Path, tmp_path: Path) -> None:
    """Nothing is installed under another name; beside them there is the command `runnables`."""
    assert _run(python, "-c", FILES, cwd=tmp_path) == "runnables runnables_providers\n"


def test_an_install_has_the_page_for_coding_assistants(python: Path, tmp_path: Path) -> None:
    """It is where they look for it in packages, in a folder whose name begins with a dot."""
    code = "from runnables.cli.skill import read_skill; print(read_skill()[:20])"
    assert _run(python, "-c", code, cwd=tmp_path) == "---\nname: runnables\n\n"


@pytest.mark.parametrize("python", ["wheel"], indirect=True)
def test_a_wheel_holds_the_page(python: Path, tmp_path: Path) -> None:
    """The files that `serve` sends to a browser are installed with it."""
    assert _run(python, "-c", PAGE, cwd=tmp_path).split() == ["index.html", "app.css", "app.js"]
