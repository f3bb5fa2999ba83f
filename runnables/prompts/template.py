"""What everything with variables shares: which ones, whether values fit, what is filled in.

The order of things for each call: refuse names that the template does not have (where they were
given as keywords), refuse to go on without a value that it needs, call the functions among the
partial variables, let selectors choose examples. Only the last may wait, and only that comes in
two colours. What follows is plain rendering.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from runnables.errors import PromptError, did_you_mean, nearest
from runnables.prompts.formats.base import Variables, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Example = dict[str, Any]
"""The values for one showing of an example prompt."""


class MissingVariableError(PromptError, KeyError):
    """A template has no value for one of its variables."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would show the message in quotes


class PromptInputError(PromptError, TypeError):
    """A prompt with several variables, or none, was given something that is not a dict."""


@dataclass(slots=True)
class RenderContext:
    """All that rendering needs; nothing in it is waited for."""

    values: Mapping[str, Any]
    """Values by variable; may hold more than the template needs."""
    examples: Mapping[int, Sequence[Example]] = field(default_factory=dict[int, Any])
    """What selectors chose, by the `id` of the template that asked."""


class SelectsExamples(Protocol):
    """A template that lets a selector choose its examples."""

    def select(self, values: Mapping[str, Any]) -> Sequence[Example]: ...

    async def aselect(self, values: Mapping[str, Any]) -> Sequence[Example]: ...


class Template(ABC):
    """Something with variables, some of which may be filled in already.

    Attributes:
        partial_variables: values, or functions without arguments that give them at each call.
    """

    partial_variables: Mapping[str, Any] = {}

    @abstractmethod
    def _own_variables(self) -> Variables:
        """The variables, whether filled in or not."""

    def _label(self) -> str:
        """What to call this template in an error."""
        return type(self).__name__

    def templates_with_selectors(self) -> Iterable[SelectsExamples]:
        """The templates in here that let a selector choose their examples."""
        return ()

    def pretty_repr(self) -> str:
        """The template as a person reads it."""
        return repr(self)

    def pretty_print(self) -> None:
        """Print what `pretty_repr` gives."""
        print(self.pretty_repr())

    @property
    def accepts_unknown_names(self) -> bool:
        """Whether unknown names are let through, as a selector of examples may use them."""
        return False

    @property
    def variables(self) -> Variables:
        """The variables with the types of their values; those filled in are optional."""
        return self._own_variables().with_values_for(self.partial_variables)

    @property
    def input_variables(self) -> list[str]:
        """The names that must be given, in alphabetical order."""
        return sorted(self.variables.required)

    @property
    def optional_variables(self) -> list[str]:
        """The names that may be given, without those that are filled in."""
        return sorted(set(self.variables.optional) - set(self.partial_variables))

    def _refuse_unknown(self, names: Iterable[str]) -> None:
        """Raise for a name that nothing in here would read."""
        if self.accepts_unknown_names:
            return
        known = self._own_variables().names
        for name in names:
            if name not in known:
                raise PromptError(
                    f"{self._label()} has no variable {name!r}."
                    f"{did_you_mean(name, known)} {_list_variables(known)}"
                )

    def require(self, values: Mapping[str, Any], label: str | None = None) -> None:
        """Raise where a value is missing.

        Args:
            values: what there is, by name.
            label: whom the error is about; None: this template.
        """
        if missing := self.variables.required.keys() - values.keys():
            raise self._missing_error(sorted(missing), values, label or self._label())

    def _missing_error(
        self, missing: Sequence[str], values: Mapping[str, Any], label: str
    ) -> MissingVariableError:
        others = [name for name in map(str, values) if name not in self._own_variables().names]
        slips = {slip: name for name in missing if (slip := nearest(name, others)) is not None}
        hints = "".join(f" Did you mean {name!r} by {slip!r}?" for slip, name in slips.items())
        values_word = "a value" if len(missing) == 1 else "values"
        return MissingVariableError(
            f"{label} is missing {values_word} for {_quoted(missing)}; it was "
            f"given {_quoted(map(str, values)) or 'nothing'}."
            f"{hints or self._literal_hint(missing[0])}"
        )

    def _literal_hint(self, name: str) -> str:
        """How to write what was perhaps not meant as a variable."""
        if getattr(self, "template_format", None) != "f-string":
            return ""
        return f" If {name!r} is not meant as a variable, write its braces twice: '{{{{{name}}}}}'."

    def _check_declared(self, info: Iterable[str] | None, what: str = "input_variables") -> None:
        """Check variables that were declared at construction against those of the template."""
        if info is None:
            return
        named, variables = set(info), self.variables
        needed = set(variables.required) - named
        unknown = sorted(named - set(variables.names))
        if needed or unknown:
            hint = "".join(did_you_mean(name, self.input_variables) for name in unknown)
            raise PromptError(
                f"{self._label()}: {what}={sorted(named)} does not match the template, whose "
                f"variables are {self.input_variables}.{hint} Leave {what} out, and they are "
                "found in the template."
            )

    def render_context(self, values: Mapping[str, Any]) -> RenderContext:
        """The values with what is filled in, and the examples that selectors choose."""
        everything = self._with_partials(values)
        return RenderContext(
            everything, {id(it): it.select(everything) for it in self.templates_with_selectors()}
        )

    async def arender_context(self, values: Mapping[str, Any]) -> RenderContext:
        """The values with what is filled in, and the examples that selectors choose."""
        everything = self._with_partials(values)
        return RenderContext(
            everything,
            {id(it): await it.aselect(everything) for it in self.templates_with_selectors()},
        )

    def _with_own_partials(self, context: RenderContext) -> RenderContext:
        """What a template inside of another one sees: its own partial variables as well."""
        return (
            replace(context, values=self._with_partials(context.values))
            if self.partial_variables
            else context
        )

    def _with_partials(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values, and of the partial variables those that are not among them."""
        if not self.partial_variables:
            return values
        partials = self.partial_variables.items()
        return {
            **{
                name: self._partial_value(name, value)
                for name, value in partials
                if name not in values
            },
            **values,
        }

    def _partial_value(self, name: str, value: Any) -> Any:
        """A partial variable, or what its function gives."""
        result = value() if callable(value) else value
        if not callable(value) or not inspect.isawaitable(result):
            return result
        if inspect.iscoroutine(result):
            result.close()  # or Python warns that nobody awaited it
        raise PromptError(
            f"{self._label()}: the partial variable {name!r} is an async function, and a prompt "
            f"waits for nothing. Let a step before it add the value: assign({name}=...)."
        )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _list_variables(known: Sequence[str]) -> str:
    return f"Its variables: {_quoted(sorted(known))}." if known else "It has no variables."


def constructor_repr(thing: object, *arguments: Any, **options: Any) -> str:
    """The call that makes a thing, without the options that are empty."""
    parts = [repr(argument) for argument in arguments]
    parts += [f"{name}={value!r}" for name, value in options.items() if not _is_empty(value)]
    return f"{type(thing).__name__}({', '.join(parts)})"


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("f-string", "") or value == {}


def quoted_template(template: str) -> str:
    """The beginning of a template's text, for an error."""
    return repr(shorten(template))
