"""The REST protocol of LangServe: `/invoke`, `/batch`, `/stream`, `/stream_events`.

The format is that of LangServe 0.3.3, as its clients read it. A client that asks for it receives
more, in keys and events of its own: how the chunks of a stream merge (see `chunk_merges`), and
which inputs of a batch have failed.
"""

from __future__ import annotations

from typing import Any

from runnables.serving.parts import Failure, Finish, Merging, Part, Restart, Value
from runnables.serving.running import batch_ids
from runnables.serving.sse import as_json, named_frame
from runnables.serving.values import as_plain


class RestEvents:
    """An encoder of a streamed output: each chunk as an event.

    Args:
        run_id: the id of the run.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._has_begun = False

    def encode(self, part: Part) -> bytes:
        """Return the bytes of a part; none for what this protocol does not show."""
        if isinstance(part, Merging):
            self._has_begun = True
            return named_frame("metadata", {"run_id": self._run_id, "merge": part.form})
        first = b""
        if not self._has_begun:
            self._has_begun = True
            first = named_frame("metadata", {"run_id": self._run_id})
        match part:
            case Value():
                value = part.value if isinstance(part.value, str) else as_plain(part.value)
                return first + named_frame("data", value)
            case Finish():
                return first + b"event: end\ndata: \n\n"
            case Failure():
                return first + named_frame("error", error_of(part))
            case Restart():
                return first + named_frame("restart", part.paths)
            case _:
                return first


class RestOutput:
    """An encoder of an output that is sent as a whole.

    Args:
        run_id: the id of the run.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id

    def encode(self, part: Part) -> bytes:
        """Return the whole answer with its value."""
        if not isinstance(part, Value):
            return b""
        metadata: dict[str, Any] = {"run_id": self._run_id, "feedback_tokens": []}
        return as_json({"output": as_plain(part.value), "metadata": metadata})


class RestOutputs:
    """An encoder of the outputs of a batch."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id

    def encode(self, part: Part) -> bytes:
        """Return the whole answer with its values."""
        if not isinstance(part, Value):
            return b""
        ids = batch_ids(self._run_id, len(part.value))
        responses: list[Any] = [{"run_id": id, "feedback_tokens": []} for id in ids]
        metadata: dict[str, Any] = {"responses": responses, "run_ids": ids}
        failed = {
            index: value for index, value in enumerate(part.value) if isinstance(value, Failure)
        }
        if failed:
            metadata["errors"] = {str(index): error_of(value) for index, value in failed.items()}
        outputs = [None if index in failed else value for index, value in enumerate(part.value)]
        return as_json({"output": as_plain(outputs), "metadata": metadata})


def error_of(failure: Failure) -> dict[str, Any]:
    """Return a failure as it is written within an answer, where there is no status."""
    known = {"status_code": failure.status, "message": failure.message, "code": failure.code}
    headers = {name.lower(): value for name, value in failure.headers.items()}
    more = {"run_id": failure.run_id, "headers": headers}
    return known | {key: value for key, value in more.items() if value}
