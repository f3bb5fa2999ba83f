"""The suite in another project: one subclass is enough, without the fixtures of this project."""

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


def test_a_subclass_is_enough(tmp_path: Path) -> None:
    """Correct behaviour passes, bugs fail, and a failed assert shows what it compared."""
    (tmp_path / "test_mine.py").write_text(MODULE, encoding="utf-8")
    run = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert " passed" in run.stdout, run.stdout + run.stderr
    failed = {line.split("::")[-1] for line in run.stdout.splitlines() if "FAILED" in line}
    # This model reports no usage and no model name.
    assert any("test_usage_is_reported[live-sync]" in name for name in failed), failed
    assert not any("test_a_string_is_answered" in name for name in failed), failed
    assert "KeyError: 'model_name'" in run.stdout
    assert "assert None is not None" in run.stdout


def test_without_pytest_the_error_names_it(tmp_path: Path) -> None:
    """Only the suites need pytest, and their error says how to install it."""
    code = "import sys; sys.modules['pytest'] = None; from runnables.testing import ChatModelTests"
    run = _python("-c", code, cwd=tmp_path)
    assert "MissingExtra" in run.stderr
    assert "pip install pytest" in run.stderr
