"""The values of a checkpoint: how they are written as JSON, and outputs read again."""

from __future__ import annotations

import json
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from runnables.cache.values import NOT_CACHED, Codec
from runnables.core.schemas import adapter_of
from runnables.errors import CheckpointError
from runnables.jobs.sets import sort_sets

if TYPE_CHECKING:
    from pydantic import TypeAdapter

JSON: Final = "json"
"""Plain JSON."""

TAGGED: Final = "tagged"
"""JSON with messages and documents in it, as a cache stores it: see `cache/values.py`."""

TYPED: Final = "typed"
"""What pydantic writes by the declared type of the output."""


class Written(NamedTuple):
    """A value as it is stored.

    Attributes:
        text: JSON.
        format: one of the formats above.
    """

    text: str
    format: str


class OutputFormat:
    """How the outputs of one runnable are written and read.

    No class is named in a file, so reading makes no object of a class that was not declared.

    Args:
        runnable: whose outputs they are.
    """

    def __init__(self, runnable: Any) -> None:
        self._runnable = runnable
        self._codec = Codec(runnable, lambda: Any)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        declared = self._runnable.OutputType
        try:
            return None if declared is Any else adapter_of(declared)
        except (PydanticSchemaGenerationError, PydanticUserError):
            return None

    def write(self, value: Any) -> Written:
        """Return a value as it is stored.

        Raises:
            CheckpointError: reading it would return another value.
        """
        for write in (_write_json, self._write_tagged, self._write_typed):
            written = write(value)
            if written is not None and self._comes_back(written, value):
                return written
        raise CheckpointError(
            f"{self._runnable!r} returned {value!r}, which a checkpoint cannot store: it stores "
            "JSON values, messages, documents, and what pydantic can write and read back by the "
            f"declared type, which is {self._runnable.OutputType!r}. Declare it with "
            "with_types(output_type=...), or end the chain with a step that returns one of these."
        )

    def _comes_back(self, written: Written, value: Any) -> bool:
        """Tell whether what is written is JSON for everyone, and is read as this value."""
        try:
            written.text.encode()
            if written.format != JSON:
                json.loads(written.text, parse_constant=_refuse_constant)
            return _is_same(self.read(written), value)
        except (CheckpointError, ValueError):
            return False

    def read(self, written: Written) -> Any:
        """Return a value that was stored.

        Raises:
            CheckpointError: it is damaged, or of another type than is declared now.
        """
        try:
            if written.format == JSON:
                return json.loads(written.text)
            if written.format == TAGGED:
                value = self._codec.read(written.text)
                if value is not NOT_CACHED:
                    return value
            elif written.format == TYPED and self._adapter is not None:
                return self._adapter.validate_json(written.text)
        except ValueError:
            pass
        raise CheckpointError(
            f"A stored output cannot be read as {self._runnable.OutputType!r}: {written.text[:200]}"
        )

    def _write_tagged(self, value: Any) -> Written | None:
        try:
            return Written(self._codec.write(value), TAGGED)
        except TypeError:
            return None

    def _write_typed(self, value: Any) -> Written | None:
        if self._adapter is None:
            return None
        for by_alias in (True, False):  # as the class is read
            try:
                content = self._adapter.dump_json(value, warnings="error", by_alias=by_alias)
                written = Written(content.decode(), TYPED)
            except (PydanticSerializationError, ValueError):
                continue
            if self._comes_back(written, value):
                return written
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _write_json(value: Any) -> Written | None:
    try:
        return Written(_dumps(value, allow_nan=False), JSON)
    except (TypeError, ValueError, RecursionError):
        return None


def _is_same(read: Any, value: Any) -> bool:
    """Tell whether both are equal, and of the same classes at any depth: 1 is not True.

    Strings of our own, such as the text of a message, are strings.
    """
    if isinstance(value, str) and type(value).__module__.partition(".")[0] == "runnables":
        value = str(value)
    if type(read) is not type(value):
        return False
    known: Any = value
    if isinstance(value, dict):
        return len(read) == len(known) and all(
            type(key) is str and key in read and _is_same(read[key], known[key]) for key in known
        )
    if isinstance(value, (list, tuple)):
        return len(read) == len(known) and all(map(_is_same, read, known))
    return bool(read == value)


def plain_output(written: Written) -> Any:
    """Return the JSON value of an output, for who has no chain: messages, documents as dicts."""
    if written.format != TAGGED:
        return json.loads(written.text)
    return to_jsonable_python(Codec("a checkpoint", lambda: Any).read(written.text))


def input_text(value: Any, position: int) -> str:
    """Return an input as JSON, in which the order of keys does not count, nor that of sets.

    Raises:
        CheckpointError: it has no form in JSON.
    """
    try:
        plain = to_jsonable_python(value, serialize_unknown=False)
        sort_sets(value, plain)
        try:
            return _dumps(plain, allow_nan=False, sort_keys=True)
        except ValueError:  # it has a NaN, or an infinity
            return _dumps(_with_words(plain), allow_nan=False, sort_keys=True)
    except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"The input of row {position} cannot be written as JSON, which a checkpoint needs: "
            f"{error}. Rows are JSON values, messages, pydantic models or dataclasses; let a step "
            "of the chain make other things of them."
        ) from None


def _dumps(value: Any, **options: Any) -> str:
    """Return JSON that can be written in UTF-8, readable where that is possible."""
    text = json.dumps(value, ensure_ascii=False, **options)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return json.dumps(value, **options)
    return text


def _with_words(value: Any) -> Any:
    """Return a value with words for the numbers that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    known: Any = value
    if isinstance(value, dict):
        return {key: _with_words(known[key]) for key in known}
    if isinstance(value, list):
        return [_with_words(item) for item in known]
    return value
