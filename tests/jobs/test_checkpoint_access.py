"""A checkpoint in a folder that cannot be written: it is read, or an error says what is missing."""

from __future__ import annotations

import shutil
import sys

import pytest

from runnables import CheckpointError, RunnableLambda
from runnables.jobs.checkpoint import check_file
from tests.both_modes import Call
from tests.permissions import unprivileged_folder, without_privileges


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_rows_in_a_journal_that_cannot_be_read_are_not_passed_over(call: Call) -> None:
    """A copy of a checkpoint that was in use, in a folder where SQLite can make no files."""
    with unprivileged_folder() as folder, without_privileges():
        path, copy = folder / "run.db", folder / "copy.db"

        def copied(row: int) -> int:
            if row == 5:
                for suffix in ("", "-wal"):
                    shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
            return row

        call.batch(RunnableLambda(copied), range(10), {"max_concurrency": 1}, checkpoint=path)
        folder.chmod(0o555)
        check_file(str(path))
        with pytest.raises(CheckpointError, match=r"cannot be read: .*copy\.db-wal.*Copy both"):
            check_file(str(copy))
        folder.chmod(0o755)
        check_file(str(copy))
