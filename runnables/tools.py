"""Runnables as tools: functions that models can call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from runnables.around import Around
from runnables.custom import config_of
from runnables.functions import coerce_to_runnable

if TYPE_CHECKING:
    from runnables.config import Scope
    from runnables.runnable import Runnable

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)


class RunnableTool(Around[Input, Output], reports=True):
    """A runnable that a model can call by name, with arguments that are checked first.

    Takes a dict of arguments, or a tool call of a model: `{"name", "args", "id"}`.

    Args:
        bound: the runnable; its input is the arguments, or, where its input is no mapping of
            names, the value of the one argument "input".
        args_schema: a pydantic model of the arguments; by default the runnable's own.
        name: what the model calls it; the runnable's name by default.
        description: what the model is told of it.

    Raises:
        ValueError: arguments that do not fit.
    """

    run_type = "tool"

    def __init__(
        self,
        bound: Any,
        *,
        args_schema: type[BaseModel] | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        self.args_schema = args_schema
        self.name = name or _identifier(self.bound.get_name())
        self.description = description or _described(self.bound)

    def _like(self) -> Runnable[Input, Output]:
        return self.bound

    @property
    def schema_of_args(self) -> type[BaseModel]:
        """The pydantic model of the arguments."""
        return self.args_schema or self.bound.input_schema

    @property
    def args(self) -> dict[str, Any]:
        """The JSON schema of each argument, by name."""
        properties = self.schema_of_args.model_json_schema().get("properties")
        return properties or {"input": self.schema_of_args.model_json_schema()}

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return self.bound.invoke(self._arguments(value), config_of(scope), **kwargs)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return await self.bound.ainvoke(self._arguments(value), config_of(scope), **kwargs)

    def _arguments(self, value: Any) -> Any:
        """The runnable's input from what the model, or a caller, gave; checked."""
        given: Any = value
        if isinstance(given, dict) and cast("dict[str, Any]", given).get("type") == "tool_call":
            given = cast("dict[str, Any]", given)["args"]
        schema = self.schema_of_args
        whole = "root" in schema.model_fields and len(schema.model_fields) == 1
        if whole and isinstance(given, dict) and set(cast("dict[str, Any]", given)) == {"input"}:
            given = cast("dict[str, Any]", given)["input"]
        try:
            checked = schema.model_validate(given)
        except ValidationError as error:
            raise ValueError(
                f"The tool {self.name!r} was called with bad arguments: {error}"
            ) from error
        if whole:
            return cast("Any", checked).root
        return {key: getattr(checked, key) for key in schema.model_fields}


def _identifier(name: str) -> str:
    return "".join(it if it.isalnum() or it in "_-" else "_" for it in name).strip("_") or "tool"


def _described(runnable: Runnable[Any, Any]) -> str:
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    return (getattr(function, "__doc__", None) or f"Runs {runnable!r}").strip()
