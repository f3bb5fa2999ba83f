"""`Runnable`: the contract, with the pipe and the fluent methods.

What `|` and the `with_...` methods make is itself a `Runnable`, so each method imports it when it
is called. These are the only imports of the package that go up the ladder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from runnables.core.contract import BaseRunnable
from runnables.core.description import prompts_in
from runnables.core.signatures import checks_keywords
from runnables.core.typevars import Input, Output

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from runnables.cache import BaseCache, RunnableCache
    from runnables.compose.binding import RunnableBinding
    from runnables.compose.configurable import (
        AnyConfigurableField,
        ConfigurableField,
        RunnableConfigurableAlternatives,
        RunnableConfigurableFields,
    )
    from runnables.compose.policies.failures import Errors
    from runnables.compose.policies.fallbacks import RunnableWithFallbacks
    from runnables.compose.policies.retry import RunnableRetry
    from runnables.compose.policies.timeout import RunnableTimeout
    from runnables.compose.sequence import RunnableSequence
    from runnables.core.config import RunnableConfig
    from runnables.core.event_stream import StreamEvent
    from runnables.core.handlers import Event
    from runnables.engine import AsyncStream, Stream
    from runnables.tools import RunnableTool

Other = TypeVar("Other")
Item = TypeVar("Item")


class Runnable(BaseRunnable[Input, Output], internal=True):
    """A function from an input to an output that also runs over many inputs and in chunks.

    `invoke` is the one method to write: `batch`, `stream` and the async methods follow from it.
    `a | b` pipes the output of one into the next. Public attributes are its configuration: what
    it prints, compares and pickles. Attributes that begin with an underscore are state, and are
    made anew where they are needed.

    Attributes:
        run_type: the kind of its runs in events: "chain", "prompt", "chat_model", "parser", ...
        merge: how the chunks of its stream add up to what `invoke` returns.
        max_batch_size: how many inputs it takes at once in a batch.
        name: its name in events and error notes; by default that of the class or the function.
    """

    # -- pipes

    @overload
    def __or__(self, other: Runnable[Output, Other]) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Callable[[Iterator[Output]], Iterator[Other]]
    ) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Callable[[AsyncIterator[Output]], AsyncIterator[Other]]
    ) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Callable[[Output], Awaitable[Other]]
    ) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(self, other: Callable[[Output], Other]) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Mapping[str, Runnable[Output, Any] | Callable[[Output], Any] | Any]
    ) -> RunnableSequence[Input, dict[str, Any]]: ...
    def __or__(self, other: Any) -> RunnableSequence[Any, Any]:
        """Pipe the output into `other`: a runnable, a function, a generator, or a mapping."""
        from runnables.compose.sequence import pipe

        return pipe(self, other)

    @overload
    def __ror__(
        self, other: Callable[[Iterator[Other]], Iterator[Input]]
    ) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(
        self, other: Callable[[AsyncIterator[Other]], AsyncIterator[Input]]
    ) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(
        self, other: Callable[[Other], Awaitable[Input]]
    ) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(self, other: Callable[[Other], Input]) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(
        self, other: Mapping[str, Runnable[Any, Any] | Callable[[Any], Any] | Any]
    ) -> RunnableSequence[Any, Output]: ...
    def __ror__(self, other: Any) -> RunnableSequence[Any, Any]:
        """Pipe `other` (a function, a generator, a mapping) into this one."""
        from runnables.compose.sequence import pipe

        return pipe(other, self)

    @checks_keywords
    def pipe(self, *others: Any, name: str | None = None) -> RunnableSequence[Input, Any]:
        """This runnable and the others, one after another, as a sequence with a name."""
        from runnables.compose.sequence import RunnableSequence

        return RunnableSequence(self, *others, name=name)

    def assign(self, **branches: Any) -> RunnableSequence[Input, dict[str, Any]]:
        """Add keys to the output, which is a dict; each is computed from it."""
        from runnables.compose.assign import RunnableAssign
        from runnables.compose.sequence import pipe

        return pipe(self, RunnableAssign(branches))

    @overload
    def pick(self, keys: str) -> RunnableSequence[Input, Any]: ...
    @overload
    def pick(self, keys: Sequence[str]) -> RunnableSequence[Input, dict[str, Any]]: ...
    def pick(self, keys: Any) -> RunnableSequence[Input, Any]:
        """Of the output, which is a dict, one value, or a dict with some of its keys."""
        from runnables.compose.passthrough import RunnablePick
        from runnables.compose.sequence import pipe

        return pipe(self, RunnablePick(keys))

    def map(self) -> Runnable[Iterable[Input], list[Output]]:
        """The same for each item of a list."""
        from runnables.compose.map import RunnableEach

        # the class cannot say `list`, which is invariant
        return cast("Runnable[Iterable[Input], list[Output]]", RunnableEach(self))

    # -- the same with something bound

    def bind(self, **kwargs: Any) -> RunnableBinding[Input, Output]:
        """The same with options that every call gets."""
        from runnables.compose.binding import RunnableBinding

        return RunnableBinding(self, kwargs=kwargs)

    def with_config(
        self, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RunnableBinding[Input, Output]:
        """The same with a config that every call gets; keys as of `RunnableConfig`.

        Raises:
            ConfigError: an unknown key.
        """
        from runnables.compose.binding import RunnableBinding
        from runnables.core.config import merge_configs

        return RunnableBinding(self, config=merge_configs(config, cast("RunnableConfig", kwargs)))

    @checks_keywords
    def with_types(
        self, *, input_type: Any = None, output_type: Any = None
    ) -> RunnableBinding[Input, Output]:
        """The same with types that it says of itself."""
        from runnables.compose.binding import RunnableBinding

        return RunnableBinding(self, input_type=input_type, output_type=output_type)

    @checks_keywords
    def with_listeners(
        self,
        *,
        on_start: Callable[[Event], Any] | None = None,
        on_end: Callable[[Event], Any] | None = None,
        on_error: Callable[[Event], Any] | None = None,
    ) -> RunnableBinding[Input, Output]:
        """The same, whose runs (not those below them) are told to functions of an event.

        Raises:
            ConfigError: one that cannot be called with an event alone.
        """
        from runnables.compose.binding import RunnableBinding, listeners

        return RunnableBinding(self, listeners=listeners(on_start, on_end, on_error))

    @checks_keywords
    def with_alisteners(
        self,
        *,
        on_start: Callable[[Event], Awaitable[Any]] | None = None,
        on_end: Callable[[Event], Awaitable[Any]] | None = None,
        on_error: Callable[[Event], Awaitable[Any]] | None = None,
    ) -> RunnableBinding[Input, Output]:
        """As `with_listeners`, for async functions; then only async calls work."""
        from runnables.compose.binding import RunnableBinding, alisteners

        return RunnableBinding(self, listeners=alisteners(on_start, on_end, on_error))

    # -- the same under a policy

    @checks_keywords
    def with_retry(
        self,
        *,
        retry_if_exception_type: Errors = (Exception,),
        wait_exponential_jitter: bool = True,
        exponential_jitter_params: Mapping[str, float] | None = None,
        stop_after_attempt: int = 3,
        max_retry_delay: float = 60.0,
        on_restart: Literal["raise", "restart"] = "raise",
    ) -> RunnableRetry[Input, Output]:
        """The same, tried again when it fails.

        Args:
            retry_if_exception_type: which errors to try again after: a class, a tuple of them,
                or a function of the error.
            wait_exponential_jitter: wait between attempts, longer each time, a bit at random; at
                least as long as a model's service says (`error.retry_after`).
            exponential_jitter_params: `initial`, `max`, `jitter` (seconds) and `exp_base`.
            stop_after_attempt: how many attempts in all.
            max_retry_delay: the longest such delay, in seconds, that is waited for; after an
                error with a longer one there is no other attempt.
            on_restart: what a stream does that fails after its first chunk: raise, or send
                `RESET` and start over.
        """
        from runnables.compose.policies.retry import RunnableRetry

        return RunnableRetry(
            self,
            retry_if_exception_type=retry_if_exception_type,
            wait_exponential_jitter=wait_exponential_jitter,
            exponential_jitter_params=exponential_jitter_params,
            stop_after_attempt=stop_after_attempt,
            max_retry_delay=max_retry_delay,
            on_restart=on_restart,
        )

    @checks_keywords
    def with_fallbacks(
        self,
        fallbacks: Sequence[Any],
        *,
        exceptions_to_handle: Errors = (Exception,),
        exception_key: str | None = None,
        on_restart: Literal["raise", "restart"] = "raise",
    ) -> RunnableWithFallbacks[Input, Output]:
        """The same, with others that are tried in order when it fails.

        Args:
            fallbacks: what to try, in order.
            exceptions_to_handle: after which errors: a class, a tuple of them, or a function
                of the error.
            exception_key: where to put the error into the input, which is then a dict.
            on_restart: what a stream does that fails after its first chunk: raise, or send
                `RESET` and start over with the next.
        """
        from runnables.compose.policies.fallbacks import RunnableWithFallbacks

        return RunnableWithFallbacks(
            self,
            fallbacks,
            exceptions_to_handle=exceptions_to_handle,
            exception_key=exception_key,
            on_restart=on_restart,
        )

    @checks_keywords
    def with_timeout(self, seconds: float) -> RunnableTimeout[Input, Output]:
        """The same, which raises StepTimeout when it takes longer than so many seconds."""
        from runnables.compose.policies.timeout import RunnableTimeout

        return RunnableTimeout(self, seconds)

    @checks_keywords
    def with_cache(
        self, cache: BaseCache | None = None, *, key: str | None = None
    ) -> RunnableCache[Input, Output]:
        """The same, whose outputs are kept, and given again for equal inputs.

        Args:
            cache: where they are kept; by default in memory, for what this returns alone.
            key: stands for the configuration of the runnable, where that cannot be told.
        """
        from runnables.cache import RunnableCache

        return RunnableCache(self, cache, key=key)

    # -- the same, configurable at run time

    def configurable_fields(
        self, **fields: AnyConfigurableField
    ) -> RunnableConfigurableFields[Input, Output]:
        """The same, whose attributes of these names can be set by `config["configurable"]`."""
        from runnables.compose.configurable import RunnableConfigurableFields

        return RunnableConfigurableFields(self, fields)

    def configurable_alternatives(
        self,
        which: ConfigurableField,
        *,
        default_key: str = "default",
        prefix_keys: bool = False,
        **alternatives: Any,
    ) -> RunnableConfigurableAlternatives[Input, Output]:
        """The same, or one of the alternatives, as `config["configurable"]` says.

        Args:
            which: the field that names the choice.
            default_key: the key of this runnable.
            prefix_keys: whether the ids of fields inside of an alternative begin with the
                choice: "model==fast/temperature".
            **alternatives: the others by key: runnables, or functions that make one when it is
                needed.
        """
        from runnables.compose.configurable import RunnableConfigurableAlternatives

        return RunnableConfigurableAlternatives(
            self,
            which,
            alternatives=alternatives,
            default_key=default_key,
            prefix_keys=prefix_keys,
        )

    # -- watching

    def stream_events(
        self, input: Input, config: RunnableConfig | None = None, **options: Any
    ) -> Stream[StreamEvent]:
        """Run as `stream`, and give what happens inside, step by step, as dicts.

        Args:
            input: the input.
            config: what travels beside it.
            **options: `include_names`, `include_types`, `include_tags`, `exclude_names`,
                `exclude_types`, `exclude_tags` (lists), and options of the runnable.
        """
        from runnables.core.event_stream import stream_events

        return stream_events(cast("Runnable[Any, Any]", self), input, config, options)

    def astream_events(
        self, input: Input, config: RunnableConfig | None = None, **options: Any
    ) -> AsyncStream[StreamEvent]:
        """As `stream_events`, for `async for`."""
        from runnables.core.event_stream import astream_events

        return astream_events(cast("Runnable[Any, Any]", self), input, config, options)

    # -- other views

    @checks_keywords
    def as_tool(
        self,
        args_schema: Any = None,
        *,
        name: str | None = None,
        description: str | None = None,
        arg_types: Mapping[str, Any] | None = None,
    ) -> RunnableTool[Output]:
        """The same as a tool that a model can call; its arguments are the input's fields.

        Args:
            args_schema: a pydantic model of the arguments, where the input does not say them.
            name: what the model calls it; by default the name of the runnable.
            description: what the model is told of it; by default the function's docstring.
            arg_types: the types of the arguments by name, instead of a model.
        """
        from runnables.tools import RunnableTool

        return RunnableTool(
            self,
            args_schema=args_schema,
            name=name,
            description=description,
            arg_types=arg_types,
        )

    def get_prompts(self) -> list[Runnable[Any, Any]]:
        """The prompts inside, in order."""
        return prompts_in(self)
