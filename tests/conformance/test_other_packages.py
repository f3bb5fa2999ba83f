"""The suite in somebody else's project: no fixtures of ours, one subclass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MODULE = """
from typing import Any

from runnables_providers.scripted import ScriptedChatModel
from runnables import AIMessage, ChatModel
from runnables.testing import ChatModelTests


class TestMine(ChatModelTests):
    supports_tools = False
    supports_max_tokens = False
    structured_methods = ()

    def make(self, **settings: Any) -> ChatModel:
        return ScriptedChatModel(["Hello there."], cycle=True, **settings)
"""


def _python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_subclass_is_all_that_it_takes(tmp_path: Path) -> None:
    """What is right passes; what is wrong fails, and the assert says what it compared."""
    (tmp_path / "test_mine.py").write_text(MODULE, encoding="utf-8")
    ran = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert " passed" in ran.stdout, ran.stdout + ran.stderr
    failed = {line.split("::")[-1] for line in ran.stdout.splitlines() if "FAILED" in line}
    # This model counts no tokens and does not say whose it is.
    assert any("test_usage_is_told[live-sync]" in it for it in failed), failed
    assert not any("test_a_text_is_answered" in it for it in failed), failed
    assert "KeyError: 'model_name'" in ran.stdout
    assert "assert None is not None" in ran.stdout


def test_without_pytest_it_says_what_is_missing(tmp_path: Path) -> None:
    """Nothing else of the library needs it."""
    code = "import sys; sys.modules['pytest'] = None; import runnables; import runnables.testing"
    ran = _python("-c", code, cwd=tmp_path)
    assert "MissingExtra" in ran.stderr
    assert "pip install pytest" in ran.stderr
