"""Run langchain-core's unit tests on Runnables, and count by class.

pip download langchain-core==0.3.83 --no-binary :all: --no-deps && tar xzf langchain_core-*
python -m scripts.langchain_core_tests langchain_core-0.3.83
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.langchain_core_tests.counts import outcomes, report
from scripts.langchain_core_tests.rewrite import rewrite_folder

HERE = Path(__file__).parent
ROOT = Path(os.environ.get("CORE_TESTS_ROOT", HERE.parent.parent))  # another checkout's code
PARTS = (
    "runnables", "prompts", "output_parsers", "messages",
    "test_tools.py", "test_messages.py", "test_prompt_values.py",
)  # fmt: skip


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts.langchain_core_tests")
    parser.add_argument("folder", type=Path, help="an unpacked source distribution")
    parser.add_argument("--results", type=Path, help="a file for all results, as JSON lines")
    parser.add_argument("--only", help="run tests that match, as pytest's -k")
    parser.add_argument("--keep", type=Path, help="a folder for the rewritten tests")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        results = arguments.results or Path(temporary, "results.jsonl")
        run(arguments.folder, folder, results, arguments.only)
        print(report(outcomes(results)))


def run(source: Path, folder: Path, results: Path, only: str | None = None) -> None:
    """Rewrite the tests into a folder, run them, and write their results.

    Args:
        source: the unpacked source distribution.
        folder: the folder for the copy.
        results: the file of the results.
        only: pytest's -k.
    """
    rewrite_folder(source / "tests", folder / "tests")
    (folder / "_names_of_runnables.py").write_text((HERE / "names.py").read_text())
    (folder / "conftest.py").write_text((HERE / "plugin.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    results.unlink(missing_ok=True)
    path = os.pathsep.join(map(str, (folder, ROOT, ROOT / "providers")))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]
    command += [
        "-W",
        "ignore",
        "--no-header",
        "--color=no",
        "--continue-on-collection-errors",
        *(["-k", only] if only else []),
    ]
    subprocess.run(
        [*command, *(f"tests/unit_tests/{part}" for part in PARTS)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "RESULTS_OF_CORE_TESTS": str(results.resolve())},
        stdout=(folder / "pytest.log").open("w"),
        stderr=subprocess.STDOUT,
        check=False,
    )


if __name__ == "__main__":
    main()
