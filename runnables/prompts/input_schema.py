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
    """A model with a field for each variable; those that may be left out are None by default.

    Args:
        variables: the variables and the types that the template suggests.
        hidden: optional variables that are filled in already, and are not shown.
        types: types that go before those.
    """
    types = {name: for_pydantic(kind) for name, kind in types.items()}
    fields: dict[str, Any] = {}
    for index, (name, kind) in enumerate(variables.required.items()):
        fields[_field_name(name, index)] = (types.get(name, kind), _field(name, ...))
    for index, (name, kind) in enumerate(variables.optional.items()):
        if name not in hidden:
            fields[_field_name(name, -index - 1)] = (
                types.get(name, kind) | None,
                _field(name, None),
            )
    return create_model("PromptInput", **fields)


def _field_name(name: str, index: int) -> str:
    """The name of the field: pydantic keeps some names to itself, which then are an alias."""
    ours = name.isidentifier() and not name.startswith(("_", "model_"))
    return name if ours and not hasattr(BaseModel, name) else f"variable{index}".replace("-", "_")


def _field(name: str, default: Any) -> Any:
    return Field(default, alias=name, title=name.replace("_", " ").strip().title())
