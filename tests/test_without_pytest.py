"""Programs have no pytest: what of `runnables.testing` needs it, and what does not."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = "import sys; sys.modules['pytest'] = None\n"
"""What makes `import pytest` fail as where it is not installed."""


def run(code: str) -> str:
    """Return what a program prints that has no pytest."""
    command = [sys.executable, "-c", WITHOUT + code]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stand_ins_need_no_pytest() -> None:
    """The model of the docs that counts words, and the server that plays a service."""
    code = """
from runnables.testing import ReplayServer, ScriptedReply, SyncAsyncCall, WordEmbeddings
print(WordEmbeddings().embed_query("sea")[0])
"""
    assert run(code) == "1.0\n"


def test_a_suite_says_that_it_needs_pytest() -> None:
    """With the command that installs it."""
    code = """
from runnables import MissingExtra
try:
    from runnables.testing import VectorStoreTests
except MissingExtra as error:
    print(error)
"""
    said = run(code)
    assert "A suite of `runnables.testing` needs the package 'pytest'" in said
    assert "install" in said
