"""Configurable runnables: a call's config sets their attributes, or chooses which one runs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from runnables.compose.coerce import coerce_to_runnable, is_runnable
from runnables.compose.configurable_fields import AnyConfigurableField, ConfigurableField
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall, innermost
from runnables.core.config import RunnableConfig, resolve_scope
from runnables.core.description import checked_config
from runnables.core.missing_input import may_lack_input
from runnables.core.rows import Routine, Step
from runnables.core.values import with_settings
from runnables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping

    from pydantic import BaseModel

    from runnables.core.config import Scope
    from runnables.engine.stream import AsyncStream, Stream


class ConfiguredRunnable(ForwardingWrapper[Input, Output], internal=True):
    """Base of runnables that depend on the config of a call; they have no runs of their own."""

    default: Runnable[Input, Output]
    _has_own_run = False

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.default

    @abstractmethod
    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        """Return the runnable that these values of `config["configurable"]` choose."""

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        return RunnableConfiguredCall(self, call, made)

    def _innermost(self, config: RunnableConfig | None) -> Runnable[Any, Any]:
        return innermost(self.prepared(config), config)

    def _call_inside(self, method: Callable[..., Any], call: MethodCall) -> Any:
        """Call a method of what a config among the arguments chooses, else of the default."""
        if call.config is None:
            return super()._call_inside(method, call)
        return call.apply_to(self._innermost(call.config))

    @property
    def streams_input(self) -> bool:
        """Tell whether the default works on chunks of the input as they come."""
        return self.default.streams_input

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name of the default."""
        return self.default.get_name(suffix, name=name)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the input schema of the runnable that this config chooses."""
        return self.prepared(config).get_input_schema(config)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the output schema of the runnable that this config chooses."""
        return self.prepared(config).get_output_schema(config)

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self.prepared(config)._input_schema_given_next(following, config)

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self.prepared(config)._output_schema_given_previous(preceding, config)

    def prepared(self, config: RunnableConfig | None = None) -> Runnable[Input, Output]:
        """Return the runnable that this config chooses.

        Raises:
            ConfigError: a choice or an option that there is not.
        """
        return self._prepared(checked_config(self, config))

    def _prepared(self, config: RunnableConfig | None) -> Runnable[Input, Output]:
        scope = resolve_scope(config)
        return self._chosen({} if scope is None else scope.get("configurable", {}))

    @may_lack_input
    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run what the config chooses."""
        config = checked_config(self, config)
        return self._prepared(config).invoke(input, config, **kwargs)

    @may_lack_input
    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """Do what `invoke` does, async."""
        config = checked_config(self, config)
        return await self._prepared(config).ainvoke(input, config, **kwargs)

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        return (yield Step(self._prepared(scope.config), value, scope.config, kwargs))

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run what the config chooses on an input in chunks."""
        config = checked_config(self, config)
        return self._prepared(config).transform(input, config, **kwargs)

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """Run what the config chooses on an input in chunks, for `async for`."""
        config = checked_config(self, config)
        return self._prepared(config).atransform(input, config, **kwargs)


class RunnableConfigurableFields(ConfiguredRunnable[Input, Output], internal=True):
    """A runnable some of whose attributes a call may set.

    A field gives an attribute a key in `config["configurable"]`. A call that sets the key runs a
    copy of the runnable with that value; the runnable itself does not change. A call that does not
    set it gets the attribute as it is, or the default of a field with options. Like any config,
    the values reach this runnable however deep inside a pipe it is.

    `configurable_fields` makes one.

    Args:
        default: the runnable, or what `|` takes for one.
        fields: the fields, by the attribute that each one sets.

    Raises:
        ConfigError: an attribute that the runnable does not have.

    Example:
        >>> model = FakeListChatModel(responses=["yes"]).configurable_fields(
        ...     responses=ConfigurableField(id="answers")
        ... )
        >>> chat = model | StrOutputParser()
        >>> chat.invoke("?"), chat.invoke("?", {"configurable": {"answers": ["no"]}})
        ('yes', 'no')
    """

    def __init__(self, default: Any, fields: Mapping[str, AnyConfigurableField]) -> None:
        self.default = coerce_to_runnable(default)
        # "model_name" for "model": classes of models take LangChain's names of their settings
        names: Mapping[str, str] = getattr(self.default, "_other_names", {})
        self.fields = {names.get(name, name): field for name, field in fields.items()}
        if len(self.fields) < len(fields):
            raise ConfigError(
                f"configurable_fields({', '.join(fields)}): two names of one setting; keep one."
            )
        known = self.default._settings()
        for attribute in self.fields:
            if attribute not in known:
                raise ConfigError(
                    f"{self.default!r} has no attribute {attribute!r}."
                    f"{did_you_mean(attribute, known)} "
                    f"It has: {', '.join(known)}."
                )

    def __repr__(self) -> str:
        fields = ", ".join(f"{key}={field!r}" for key, field in self.fields.items())
        return f"({self.default!r}).configurable_fields({fields})"

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        for key, field in self.fields.items():
            yield field, getattr(field, "default", getattr(self.default, key))
        yield from super()._configurable()

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        changes: dict[str, Any] = {}
        for attribute, field in self.fields.items():
            if field.id in values:
                changes[attribute] = field.chosen(values[field.id])
            elif not isinstance(field, ConfigurableField):
                changes[attribute] = field.chosen(field.default)
        return with_settings(self.default, changes) if changes else self.default


class RunnableConfigurableAlternatives(ConfiguredRunnable[Input, Output], internal=True):
    """A runnable, or another one that a call chooses by its key.

    `config["configurable"][which.id]` is the key of the one that runs; a call without it runs the
    default. To choose by the input instead, use `RunnableBranch` or `RouterRunnable`.

    Alternatives may have configurable fields themselves, which then get the values of the same
    config. Where two of them have fields with one id that must not share a value, `prefix_keys`
    puts the choice before the id, as in "model==fast/temperature"; a field with `is_shared=True`
    keeps its id.

    `configurable_alternatives` makes one.

    Args:
        default: what runs where a call names no key, or `default_key`.
        which: the field that names the choice.
        alternatives: the others by key: runnables, or functions without arguments that make one
            when it is needed, such as a model whose package need not be installed.
        default_key: the key of the default.
        prefix_keys: whether the ids of fields inside an alternative begin with the choice.

    Raises:
        ConfigError: a `prefix_keys` that is no bool; when run, a key that there is not.

    Example:
        >>> case = RunnableConfigurableAlternatives(
        ...     str.upper,
        ...     ConfigurableField(id="case"),
        ...     alternatives={"lower": RunnableLambda(str.lower)},
        ...     default_key="upper",
        ... )
        >>> case.invoke("Ada"), case.invoke("Ada", {"configurable": {"case": "lower"}})
        ('ADA', 'ada')
    """

    def __init__(
        self,
        default: Any,
        which: ConfigurableField,
        *,
        alternatives: Mapping[str, Any],
        default_key: str = "default",
        prefix_keys: bool = False,
    ) -> None:
        if not isinstance(cast("object", prefix_keys), bool):
            raise ConfigError(f"prefix_keys={prefix_keys!r}: expected True or False")
        self.default = coerce_to_runnable(default)
        self.which = which
        self.alternatives = dict(alternatives)
        self.default_key = default_key
        self.prefix_keys = prefix_keys
        for key, alternative in alternatives.items():
            if not callable(alternative) and not is_runnable(alternative):
                raise ConfigError(
                    f"alternative {key!r}: {alternative!r} (of type {type(alternative).__name__}): "
                    "expected a runnable, or a function without arguments that makes one"
                )

    def __repr__(self) -> str:
        others = ", ".join(f"{key}={other!r}" for key, other in self.alternatives.items())
        return f"({self.default!r}).configurable_alternatives({self.which!r}, {others})"

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        runnables = {self.default_key: self.default, **self.alternatives}
        annotation = self.which.annotation or Literal[tuple(runnables)]
        yield replace(self.which, annotation=annotation), self.default_key
        for key, inside in runnables.items():
            for field, default in inside._configurable() if isinstance(inside, Runnable) else ():
                own = self.prefix_keys and not field.is_shared
                yield (replace(field, id=self._prefix(key) + field.id) if own else field), default

    def _prefix(self, key: str) -> str:
        return f"{self.which.id}=={key}/" if self.prefix_keys else ""

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.default, *filter(is_runnable, self.alternatives.values()))

    @property
    def InputType(self) -> Any:
        """Return Any, as a call chooses which alternative runs."""
        return Any

    @property
    def _accepted_type(self) -> Any:
        return Any

    @property
    def OutputType(self) -> Any:
        """Return Any, as a call chooses which alternative runs."""
        return Any

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        key = values.get(self.which.id, self.default_key)
        chosen = self._alternative(key)
        prefix = self._prefix(key)
        own = {
            key.removeprefix(prefix): value
            for key, value in values.items()
            if prefix and key.startswith(prefix)
        }
        return chosen.with_config(configurable=own) if own else chosen

    def _alternative(self, key: str) -> Runnable[Input, Output]:
        if key == self.default_key:
            return self.default
        if key not in self.alternatives:
            known = (self.default_key, *self.alternatives)
            raise ConfigError(
                f"configurable[{self.which.id!r}]: no alternative {key!r}."
                f"{did_you_mean(str(key), known)} There are: {', '.join(known)}."
            )
        chosen = self.alternatives[key]
        return cast("Runnable[Input, Output]", chosen if isinstance(chosen, Runnable) else chosen())


class RunnableConfiguredCall(ConfiguredRunnable[Input, Output], internal=True):
    """A call of a method, such as `bind_tools`, on a configurable runnable.

    The method is called on the runnable that the config of a call chooses.

    Args:
        source: the configurable runnable.
        call: the call of its method.
        default: what the method returns for the default.
    """

    def __init__(
        self, source: ConfiguredRunnable[Any, Any], call: MethodCall, default: Any
    ) -> None:
        self.source = source
        self.call = call
        self.default = default

    def __repr__(self) -> str:
        return f"{self.source!r}{self.call!r}"

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        return self.source._configurable()

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        return cast("Runnable[Input, Output]", self.call.apply_to(self.source._chosen(values)))
