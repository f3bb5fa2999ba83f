"""The variables of a prompt as a pydantic model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, create_model

from runnables.core.schemas import for_pydantic

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from runnables.prompts.formats.base import Variables


def input_model(
    variables: Variables, hidden: Collection[str], types: Mapping[str, Any]
) -> type[BaseModel]:
    """Return a model with a field for each variable; optional ones are None by default.

    Args:
        variables: the variables, with the types that the template suggests.
        hidden: the optional variables that get no field, as they have a value already.
        types: types that go before those of the template.
    """
    types = {name: for_pydantic(kind) for name, kind in types.items()}
    fields: dict[str, Any] = {}
    for index, (name, kind) in enumerate(sorted(variables.required.items())):
        fields[_field_name(name, index)] = (types.get(name, kind), _field(name, ...))
    for index, (name, kind) in enumerate(variables.optional.items()):
        if name not in hidden:
            fields[_field_name(name, -index - 1)] = (
                types.get(name, kind) | None,
                _field(name, None),
            )
    return create_model("PromptInput", **fields)


def _field_name(name: str, index: int) -> str:
    """Return the name of a field; a variable whose name pydantic does not allow is an alias."""
    allowed = name.isidentifier() and not name.startswith(("_", "model_"))
    if allowed and not hasattr(BaseModel, name):
        return name
    return f"variable{index}".replace("-", "_")


def _field(name: str, default: Any) -> Any:
    return Field(default, alias=name, title=name.replace("_", " ").strip().title())
