"""The file of the rows of a job that have failed: JSON Lines, for people and for another run."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from runnables.core.rows import Call
from runnables.engine.thread_calls import to_thread
from runnables.errors import CheckpointError, ConfigError
from runnables.jobs.value_format import input_text

if TYPE_CHECKING:
    from collections.abc import Mapping


class FailedRows:
    """A file that gets a line for each row that has failed, as soon as it is given up.

    Args:
        path: the file; what was in it is gone.

    Raises:
        ConfigError: it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self._file = open(path, "wb", buffering=0)  # a line is one write, as threads share it
        except OSError as error:
            raise ConfigError(
                f"failed_rows={os.fspath(path)!r} cannot be written: {error.strerror}"
            ) from None

    def adding(self, record: Mapping[str, Any], value: Any) -> Call:
        """Return the call that writes one row.

        Args:
            record: what a checkpoint would store of it.
            value: its input.
        """
        add = partial(self._add, record, value)
        return Call(add, partial(to_thread, add))

    def _add(self, record: Mapping[str, Any], value: Any) -> None:
        row: dict[str, Any] = {"position": record["position"]}
        if record["key"]:
            row["key"] = record["key"]
        row["input"] = json.loads(record["input"] or _text_of(value, record["position"]))
        row |= {"error_type": record["error_type"], "error": record["error"]}
        line = json.dumps(row, ensure_ascii=False) + "\n"
        self._file.write(line.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _text_of(value: Any, position: int) -> str:
    """Return an input as JSON; as what it prints, where it has no form in JSON."""
    try:
        return input_text(value, position)
    except CheckpointError:
        return json.dumps(repr(value))
