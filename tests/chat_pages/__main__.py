"""Tries the examples of chat pages in real pages, in an environment of their own.

    python -m tests.chat_pages                       all of them
    python -m tests.chat_pages gradio streamlit      some: gradio, streamlit, jupyter
    python -m tests.chat_pages gradio -- -s          what is behind the dashes goes to pytest;
                                                     -s shows how soon a request was closed

Gradio and Streamlit take 900 MB together, and pin what else may be installed. So the environment
(`.venv-pages`) is made at the first call, and no test of CI needs it. Pages are shown in Debian's
Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "tests/chat_pages"
HOME = ROOT / ".venv-pages"
PAGES = ("gradio", "streamlit", "jupyter")


def make_environment() -> Path:
    """Install what the pages need, unless it is there; return the interpreter."""
    python = HOME / "bin" / "python"
    wanted = (ROOT / FOLDER / "requirements.txt").read_text(encoding="utf-8")
    installed = HOME / "requirements.txt"  # a copy of what was installed last
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        print(f"The pages are installed into {HOME.name} first.", flush=True)
        venv.create(HOME, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        requirements = ["-r", f"{FOLDER}/requirements.txt", "-e", ".[local]"]
        subprocess.run([*pip, *requirements], cwd=ROOT, check=True)
        installed.write_text(wanted, encoding="utf-8")
    return python


def main(arguments: list[str]) -> int:
    """Run the tests of these pages; return pytest's exit code."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    names, options = arguments[:cut] or list(PAGES), arguments[cut + 1 :]
    if unknown := [name for name in names if name not in PAGES]:
        print(f"No such page: {', '.join(unknown)}. There are: {', '.join(PAGES)}.")
        return 2
    settings = [
        "-c",
        f"{FOLDER}/pytest.ini",
        "--confcutdir",
        FOLDER,
        "-p",
        "tests.chat_pages.browser",
    ]
    files = [f"{FOLDER}/page_{name}.py" for name in names]
    command = [make_environment(), "-m", "pytest", *settings, *files, *options]
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **quiet}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
