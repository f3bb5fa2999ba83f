"""The base class of everything with variables: which ones, checks of values, partial variables.

Each call takes these steps: refuse names that the template does not have (where they are
keywords), refuse a missing value, call the functions among the partial variables, let selectors
choose examples. Only the last step may have to wait, so only that one is sync and async. Rendering
follows, which does neither I/O nor checks.
"""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from runnables.errors import PromptError, did_you_mean, nearest
from runnables.prompts.formats.base import Variables, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_CACHES: Final = ("_compiled", "_templates", "_cached_variables")
"""The attributes of templates that are made of other attributes."""

Example = dict[str, Any]
"""The values of an example, by variable of the example prompt."""


class MissingVariableError(PromptError, KeyError):
    """An error of a template without a value for one of its variables."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would show the message in quotes


class PromptInputError(PromptError, TypeError):
    """An error of a prompt that needs several values, or none, and got something but a dict."""


@dataclass(slots=True)
class RenderContext:
    """The values and examples that rendering needs."""

    values: Mapping[str, Any]
    """Values by variable; may hold more than the template needs."""
    examples: Mapping[int, Sequence[Example]] = field(default_factory=dict[int, Any])
    """The examples that a selector chose, by the `id` of its template."""


class SelectsExamples(Protocol):
    """A template with a selector that chooses its examples."""

    def select(self, values: Mapping[str, Any]) -> Sequence[Example]: ...

    async def aselect(self, values: Mapping[str, Any]) -> Sequence[Example]: ...


class Template(ABC):
    """Anything with variables, some of which may be filled in already.

    Attributes:
        partial_variables: values, or functions without arguments that are called at each use.
    """

    partial_variables: Mapping[str, Any] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; what was made of the former value is made anew.

        Raises:
            PromptError: a template that is not well formed; the former one stays.
        """
        made = [cache for cache in _CACHES if cache in vars(self)]
        before = vars(self).get(name)
        super().__setattr__(name, value)
        if name.startswith("_") or not made:  # an object that is being made checks itself
            return
        for cache in made:
            del vars(self)[cache]
        try:
            self._own_variables()
        except BaseException:
            vars(self)[name] = before
            raise

    @abstractmethod
    def _own_variables(self) -> Variables:
        """Return the variables, with those that are filled in."""

    def _label(self) -> str:
        """Return the name of this template for errors."""
        return type(self).__name__

    def templates_with_selectors(self) -> Iterable[SelectsExamples]:
        """Return the templates within this one that let a selector choose their examples."""
        return ()

    def pretty_repr(self) -> str:
        """Return the template as a string to read in a terminal."""
        return repr(self)

    def pretty_print(self) -> None:
        """Print `pretty_repr()`."""
        print(self.pretty_repr())

    @property
    def accepts_unknown_names(self) -> bool:
        """Tell whether unknown names are accepted, since a selector of examples may use them."""
        return False

    @property
    def variables(self) -> Variables:
        """Return the variables with the types of their values; those filled in are optional."""
        return self._own_variables().with_values_for(self.partial_variables)

    @property
    def input_variables(self) -> list[str]:
        """Return the names that need a value, in alphabetical order."""
        return sorted(self.variables.required)

    @property
    def optional_variables(self) -> list[str]:
        """Return the names that may get a value, without those that are filled in."""
        return sorted(set(self.variables.optional) - set(self.partial_variables))

    def _refuse_unknown(self, names: Iterable[str]) -> None:
        """Raise for a name that the template does not have."""
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
            values: the values, by name.
            label: the name of the template in the error; by default, its own.

        Raises:
            MissingVariableError: a value is missing.
        """
        if missing := self.variables.required.keys() - values.keys():
            raise self._missing_error(sorted(missing), values, label or self._label())

    def _missing_error(
        self, missing: Sequence[str], values: Mapping[str, Any], label: str
    ) -> MissingVariableError:
        others = [name for name in map(str, values) if name not in self._own_variables().names]
        typos = {typo: name for name in missing if (typo := nearest(name, others)) is not None}
        hints = "".join(f" Did you mean {name!r} by {typo!r}?" for typo, name in typos.items())
        values_word = "a value" if len(missing) == 1 else "values"
        return MissingVariableError(
            f"{label} is missing {values_word} for {_quoted(missing)}; it received "
            f"{_quoted(map(str, values)) or 'nothing'}."
            f"{hints or self._literal_hint(missing[0])}"
        )

    def _literal_hint(self, name: str) -> str:
        """Return another way out, for a name that may not be meant as a variable."""
        if getattr(self, "template_format", None) != "f-string":
            return ""
        return f" If {name!r} is not meant as a variable, write its braces twice: '{{{{{name}}}}}'."

    def _check_declared(
        self, input_variables: Iterable[str] | None, *, validate: bool | None = None
    ) -> None:
        """Compare the variables that were passed at construction with those of the template.

        The template's own count. Where others were passed, that is a warning; with
        `validate_template=True` an error, but for Jinja, in which a name may be set by a branch.
        """
        if input_variables is None:
            return
        declared, variables = list(input_variables), self.variables
        missing = set(variables.required) - set(declared)
        extra = set(declared) - set(variables.names)
        if not (missing or extra):
            return
        hint = "".join(did_you_mean(name, self.input_variables) for name in sorted(extra))
        differences = [
            f"{word} variables: {as_set(names)}"
            for word, names in (("Missing", missing), ("Extra", extra))
            if names
        ]
        message = (
            f"{self._label()}: {self._mismatch(declared)}. {' '.join(differences)}.{hint} Leave "
            "input_variables out, and they are found in the template."
        )
        if validate and getattr(self, "template_format", None) != "jinja2":
            raise PromptError(message)
        warnings.warn(message, stacklevel=3)

    def _mismatch(self, declared: list[str]) -> str:
        """Return in what way the declared variables differ from those of the template."""
        return (
            "Invalid prompt schema; check for mismatched or missing input parameters from "
            f"{declared}"
        )

    def render_context(self, values: Mapping[str, Any]) -> RenderContext:
        """Return the values, with the partial ones, and the examples that selectors choose."""
        values = self._with_partials(values)
        templates = self.templates_with_selectors()
        examples = {id(template): template.select(values) for template in templates}
        return RenderContext(values, examples)

    async def arender_context(self, values: Mapping[str, Any]) -> RenderContext:
        """Return the values, with the partial ones, and the examples that selectors choose."""
        values = self._with_partials(values)
        templates = self.templates_with_selectors()
        examples = {id(template): await template.aselect(values) for template in templates}
        return RenderContext(values, examples)

    def _with_own_partials(self, context: RenderContext) -> RenderContext:
        """Return the context of another template that holds this one, with this one's partials."""
        return (
            replace(context, values=self._with_partials(context.values))
            if self.partial_variables
            else context
        )

    def _with_partials(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values, and the partial variables that are not among them."""
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
        """Return the value of a partial variable, or the result of its function."""
        result = value() if callable(value) else value
        if not callable(value) or not inspect.isawaitable(result):
            return result
        if inspect.iscoroutine(result):
            result.close()  # or Python warns that it was never awaited
        raise PromptError(
            f"{self._label()}: the partial variable {name!r} is an async function, and a prompt "
            f"does not await. Let a step before it add the value: assign({name}=...)."
        )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def as_set(names: Iterable[str]) -> str:
    """Return names as a set is shown, in alphabetical order."""
    return f"{{{_quoted(sorted(names))}}}" if names else "set()"


def _list_variables(known: Sequence[str]) -> str:
    return f"Its variables: {_quoted(sorted(known))}." if known else "It has no variables."


def constructor_repr(value: object, *arguments: Any, **options: Any) -> str:
    """Return the call that constructs a value, without the options that are empty."""
    parts = [repr(argument) for argument in arguments]
    parts += [f"{name}={option!r}" for name, option in options.items() if not _is_empty(option)]
    return f"{type(value).__name__}({', '.join(parts)})"


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("f-string", "") or value == {}


def quoted_template(template: str) -> str:
    """Return the beginning of a template, in quotes, for an error."""
    return repr(shorten(template))
