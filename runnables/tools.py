"""Runnables as tools: functions that models can call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.around import Around
from runnables.custom import config_of
from runnables.functions import coerce_to_runnable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from runnables.config import RunnableConfig, Scope
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
        arg_types: the types of the arguments by name, instead of a model.

    Raises:
        ValueError: arguments that do not fit; both an `args_schema` and `arg_types`.
    """

    run_type = "tool"

    def __init__(
        self,
        bound: Any,
        *,
        args_schema: type[BaseModel] | None = None,
        name: str | None = None,
        description: str | None = None,
        arg_types: Mapping[str, Any] | None = None,
    ) -> None:
        if args_schema is not None and arg_types is not None:
            raise ValueError("as_tool: give an `args_schema` or `arg_types`, not both")
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        self.args_schema = args_schema
        self.arg_types = None if arg_types is None else dict(arg_types)
        self.name = name or _identifier(self.bound.get_name())
        self.description = description or _described(self.bound)
        self._schema: type[BaseModel] | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._schema = None

    def _like(self) -> Runnable[Input, Output]:
        return self.bound

    @property
    def InputType(self) -> Any:
        """Anything: a dict of arguments, a tool call, or the one argument as it is."""
        return Any

    @property
    def _accepted_type(self) -> Any:
        return Any

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The pydantic model of the arguments."""
        return self.schema_of_args

    @property
    def schema_of_args(self) -> type[BaseModel]:
        """The pydantic model of the arguments."""
        if self._schema is None:
            self._schema = self.args_schema or self._own_schema()
        return self._schema

    def _own_schema(self) -> type[BaseModel]:
        from runnables.schemas import fields_schema

        if self.arg_types is None:
            return self.bound.input_schema
        return fields_schema(cast("str", self.name), self.arg_types)

    @property
    def args_jsonschema(self) -> dict[str, Any]:
        """The JSON schema of the arguments: an object, as models want it."""
        from runnables.schemas import is_whole

        schema = self.schema_of_args.model_json_schema()
        if not is_whole(self.schema_of_args):
            return schema
        given = {key: value for key, value in schema.items() if key != "$defs"}
        shared = {"$defs": schema["$defs"]} if "$defs" in schema else {}
        return {"type": "object", "properties": {"input": given}, "required": ["input"], **shared}

    @property
    def args(self) -> dict[str, Any]:
        """The JSON schema of each argument, by name."""
        return dict(self.args_jsonschema.get("properties", {}))

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return self.bound.invoke(self._arguments(value), config_of(scope), **kwargs)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return await self.bound.ainvoke(self._arguments(value), config_of(scope), **kwargs)

    def _arguments(self, value: Any) -> Any:
        """The runnable's input from what the model, or a caller, gave; checked."""
        from pydantic import ValidationError

        from runnables.schemas import is_whole

        given: Any = value
        if isinstance(given, dict) and cast("dict[str, Any]", given).get("type") == "tool_call":
            given = cast("dict[str, Any]", given)["args"]
        schema = self.schema_of_args
        whole = is_whole(schema)
        if whole and isinstance(given, dict) and set(cast("dict[str, Any]", given)) == {"input"}:
            given = cast("dict[str, Any]", given)["input"]
        try:
            checked = schema.model_validate(given)
        except ValidationError as error:
            raise ValueError(
                f"The tool {self.name!r} was called with bad arguments: {error}"
            ) from error
        if schema is self.bound.InputType:
            return checked
        return cast("Any", checked).root if whole else _by_name(checked)


def _by_name(checked: BaseModel) -> dict[str, Any]:
    fields = type(checked).model_fields
    return {it.alias or key: getattr(checked, key) for key, it in fields.items()}


def _identifier(name: str) -> str:
    return "".join(it if it.isalnum() or it in "_-" else "_" for it in name).strip("_") or "tool"


def _described(runnable: Runnable[Any, Any]) -> str:
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    return (getattr(function, "__doc__", None) or f"Runs {runnable!r}").strip()
