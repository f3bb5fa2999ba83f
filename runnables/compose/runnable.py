"""`Runnable`: the contract, with the pipe and the fluent methods.

The pipe is in `pipes.py`, `bind` and the like in `presets.py`, jobs are in `batch_jobs.py`,
pictures in `pictures.py`, policies and views are here. What the methods make is itself a
`Runnable`, so each method imports it when it is called. These are the only imports of the package
that go up the ladder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from runnables.compose.batch_jobs import BatchJobs
from runnables.compose.pictures import Pictures
from runnables.compose.pipes import Pipes
from runnables.compose.presets import Presets
from runnables.compose.step_helpers import StepHelpers
from runnables.core.description import prompts_in
from runnables.core.signatures import checks_keywords
from runnables.core.typevars import Input, Output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnables.cache.runnable import RunnableCache
    from runnables.cache.stores import BaseCache
    from runnables.callbacks.event_stream import StreamEvent
    from runnables.compose.configurable import (
        RunnableConfigurableAlternatives,
        RunnableConfigurableFields,
    )
    from runnables.compose.configurable_fields import AnyConfigurableField, ConfigurableField
    from runnables.compose.policies.failures import Errors
    from runnables.compose.policies.fallbacks import RunnableWithFallbacks
    from runnables.compose.policies.retry import RunnableRetry
    from runnables.compose.policies.timeout import RunnableTimeout
    from runnables.core.config import RunnableConfig
    from runnables.engine.stream import AsyncStream, Stream
    from runnables.tools.runnable_tool import RunnableTool


class Runnable(
    Pipes[Input, Output],
    Presets[Input, Output],
    BatchJobs[Input, Output],
    Pictures[Input, Output],
    StepHelpers[Input, Output],
    internal=True,
):
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

    Example:
        >>> class Shout(Runnable[str, str]):
        ...     def invoke(self, input, config=None, **kwargs):
        ...         return input.upper() + "!"
        >>> Shout().batch(["ahoy", "land"])
        ['AHOY!', 'LAND!']
        >>> (Shout() | len).invoke("ahoy")
        5
    """

    # -- the same runnable under a policy

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
        """Try again when it fails; each item of a batch by itself.

        Args:
            retry_if_exception_type: the errors after which to try again: a class, a tuple of
                them, or a function of the error.
            wait_exponential_jitter: whether to wait between attempts, longer each time and a bit
                at random; at least as long as a model's service asks (`error.retry_after`).
            exponential_jitter_params: `initial`, `max`, `jitter` (in seconds) and `exp_base`.
            stop_after_attempt: the number of attempts in all.
            max_retry_delay: the longest delay, in seconds, that a service may ask for; after an
                error that asks for more there is no other attempt.
            on_restart: what a stream does that fails after its first chunk: "raise", or "restart":
                send `RESET` and start over.

        Raises:
            ConfigError: an unknown parameter, a number that is too low, or something that does
                not say which errors count.

        Example:
            >>> answers = iter(["none", "7"])
            >>> step = RunnableLambda(lambda _: int(next(answers)))
            >>> step.with_retry(wait_exponential_jitter=False).invoke("?")
            7
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
        """Try other runnables, in order, when it fails.

        Args:
            fallbacks: the others: runnables, or what `|` takes for one.
            exceptions_to_handle: the errors after which to try the next: a class, a tuple of
                them, or a function of the error.
            exception_key: the key under which the next one finds the error in its input, which
                must be a dict then.
            on_restart: what a stream does that fails after its first chunk: "raise", or "restart":
                send `RESET` and start over with the next.

        Raises:
            ConfigError: no list of fallbacks, an empty one, or something that does not say which
                errors count.

        Example:
            >>> RunnableLambda(int).with_fallbacks([lambda text: 0]).batch(["7", "seven"])
            [7, 0]
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
        """Limit the time of a call; one that takes longer raises `StepTimeout`.

        Args:
            seconds: the limit; more than 0. In async runs the work is cancelled; in sync runs it
                goes on in its thread until it asks `is_cancelled`, and its output is dropped.

        Raises:
            ConfigError: a limit that is no number, or not more than 0.

        Example:
            >>> RunnableLambda(len).with_timeout(30).invoke("abc")
            3
        """
        from runnables.compose.policies.timeout import RunnableTimeout

        return RunnableTimeout(self, seconds)

    @checks_keywords
    def with_cache(
        self, cache: BaseCache | None = None, *, key: str | None = None
    ) -> RunnableCache[Input, Output]:
        """Cache the outputs, and return them again for equal inputs.

        Args:
            cache: where the outputs are stored; by default in memory, for the returned runnable
                alone.
            key: stands for the configuration of this runnable, where that cannot be read, or
                should not count.

        Raises:
            ConfigError: something else than a cache, or than a string for a key.

        Example:
            >>> step = RunnableLambda(lambda text: print("runs") or len(text)).with_cache()
            >>> step.invoke("abc"), step.invoke("abc")
            runs
            (3, 3)
        """
        from runnables.cache.runnable import RunnableCache

        return RunnableCache(self, cache, key=key)

    # -- the same runnable, configurable for each call

    def configurable_fields(
        self, **fields: AnyConfigurableField
    ) -> RunnableConfigurableFields[Input, Output]:
        """Let a call set attributes, through `config["configurable"]`.

        Args:
            **fields: by attribute, the field whose `id` is the key in the config.

        Raises:
            ConfigError: an attribute that this runnable does not have.

        Example:
            >>> pick = RunnablePick("name").configurable_fields(keys=ConfigurableField(id="key"))
            >>> pick.invoke({"name": "Ada", "born": 1815}, {"configurable": {"key": "born"}})
            1815
        """
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
        """Let a call choose another runnable, through `config["configurable"]`.

        Args:
            which: the field that names the choice; its `id` is the key in the config.
            default_key: the key of this runnable, which runs where a call names none.
            prefix_keys: whether the ids of fields inside an alternative begin with the choice:
                "model==fast/temperature".
            **alternatives: the others by key: runnables, or functions that make one when it is
                needed.

        Raises:
            ConfigError: when run, a choice that there is not.

        Example:
            >>> case = RunnableLambda(str.upper).configurable_alternatives(
            ...     ConfigurableField(id="case"), lower=RunnableLambda(str.lower)
            ... )
            >>> case.invoke("Ada"), case.invoke("Ada", {"configurable": {"case": "lower"}})
            ('ADA', 'ada')
        """
        from runnables.compose.configurable import RunnableConfigurableAlternatives

        return RunnableConfigurableAlternatives(
            self,
            which,
            alternatives=alternatives,
            default_key=default_key,
            prefix_keys=prefix_keys,
        )

    # -- its events

    def stream_events(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v2"] = "v2",
        **options: Any,
    ) -> Stream[StreamEvent]:
        """Run on one input; yield what happens inside, step by step, as dicts.

        Args:
            input: the input.
            config: settings of this call.
            version: the structure of the dicts; there is only one.
            **options: `include_names`, `include_types`, `include_tags`, `exclude_names`,
                `exclude_types`, `exclude_tags` (lists), and options of the runnable.

        Raises:
            ConfigError: a filter that is no list, or another version.

        Example:
            >>> steps = RunnableLambda(len) | str
            >>> for event in steps.stream_events("abc", include_names=["str"]):
            ...     print(event["event"], event["data"])
            on_chain_start {'input': 3}
            on_chain_stream {'chunk': '3'}
            on_chain_end {'output': '3'}
        """
        from runnables.callbacks.event_stream import stream_events

        return stream_events(
            cast("Runnable[Any, Any]", self), input, config, {**options, "version": version}
        )

    def astream_events(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v2"] = "v2",
        **options: Any,
    ) -> AsyncStream[StreamEvent]:
        """Run `stream_events`, for `async for`."""
        from runnables.callbacks.event_stream import astream_events

        return astream_events(
            cast("Runnable[Any, Any]", self), input, config, {**options, "version": version}
        )

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
        """Return this runnable as a tool that a model can call.

        The arguments of the tool are the fields of the input; an input that is no mapping of names
        is the one argument `input`.

        Args:
            args_schema: a pydantic model of the arguments, where the input does not declare them.
            name: the name that the model calls; by default that of the runnable.
            description: what the model reads of it; by default the function's docstring.
            arg_types: the types of the arguments by name, instead of a model.

        Raises:
            ValueError: both an `args_schema` and `arg_types`.

        Example:
            >>> area = RunnableLambda(lambda sides: sides["a"] * sides["b"])
            >>> area.as_tool(name="area", arg_types={"a": int, "b": int}).invoke({"a": 2, "b": 3})
            6
        """
        from runnables.tools.runnable_tool import RunnableTool

        return RunnableTool(
            self,
            args_schema=args_schema,
            name=name,
            description=description,
            arg_types=arg_types,
        )

    def get_prompts(self) -> list[Runnable[Any, Any]]:
        """Return the prompts inside, in order.

        Example:
            >>> prompt = PromptTemplate.from_template("Translate {text}")
            >>> (prompt | FakeListChatModel(responses=["Bonjour"])).get_prompts() == [prompt]
            True
        """
        return prompts_in(self)
