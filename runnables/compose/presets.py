"""The methods of every runnable that preset something for all its calls.

What they make is itself a `Runnable`, so each method imports it when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.contract import BaseRunnable
from runnables.core.description import checked_config
from runnables.core.signatures import checks_keywords
from runnables.core.typevars import Input, Output

if TYPE_CHECKING:
    from runnables.compose.binding import RunnableBinding
    from runnables.compose.listeners import AsyncListener, Listener
    from runnables.core.config import RunnableConfig


class Presets(BaseRunnable[Input, Output], internal=True):
    """The methods of `Runnable` that preset options, a config, types or listeners."""

    def bind(self, **kwargs: Any) -> RunnableBinding[Input, Output]:
        """Return this runnable with options that every call gets.

        Args:
            **kwargs: the options; those that a call itself passes win.

        Example:
            >>> square = RunnableLambda(lambda base, exponent=1: base**exponent).bind(exponent=2)
            >>> square.invoke(3)
            9
        """
        from runnables.compose.binding import RunnableBinding

        return RunnableBinding(self, kwargs=kwargs)

    def with_config(
        self, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RunnableBinding[Input, Output]:
        """Return this runnable with a config that every call gets.

        Args:
            config: the config. A call's own config adds tags, metadata and callbacks to it, and
                wins where both set a key; of two `max_concurrency`, both hold.
            **kwargs: more keys of `RunnableConfig`.

        Raises:
            ConfigError: an unknown key, or a value of the wrong kind.

        Example:
            >>> RunnableLambda(str.upper).with_config(run_name="shout", tags=["loud"]).get_name()
            'shout'
        """
        from runnables.compose.binding import RunnableBinding
        from runnables.core.config_merging import merge_configs

        more = checked_config(self, cast("RunnableConfig", kwargs))
        return RunnableBinding(self, config=merge_configs(checked_config(self, config), more))

    @checks_keywords
    def with_types(
        self, *, input_type: Any = None, output_type: Any = None
    ) -> RunnableBinding[Input, Output]:
        """Return this runnable with other declared types; nothing is converted or checked.

        Pipes and schemas go by the declared types.

        Args:
            input_type: the type of its input; None: as before.
            output_type: the type of its output; None: as before.

        Example:
            >>> import json
            >>> RunnableLambda(json.loads).with_types(output_type=dict).OutputType
            <class 'dict'>
        """
        from runnables.compose.binding import RunnableBinding

        return RunnableBinding(self, input_type=input_type, output_type=output_type)

    @checks_keywords
    def with_listeners(
        self,
        *,
        on_start: Listener | None = None,
        on_end: Listener | None = None,
        on_error: Listener | None = None,
    ) -> RunnableBinding[Input, Output]:
        """Call functions with the events of its own runs, not of the runs inside them.

        A function takes the `Event`; one with a parameter `config` gets the config of the run, too.

        Args:
            on_start: called when a run starts; `event.input` is its input.
            on_end: called when a run has ended; `event.output` is its output.
            on_error: called when a run has failed; `event.error` is the exception.

        Raises:
            ConfigError: a function that takes neither the event alone, nor the event and `config`.
            SyncAsyncError: an async function; those go to `with_alisteners`.

        Example:
            >>> step = RunnableLambda(len).with_listeners(on_end=lambda event: print(event.output))
            >>> _ = step.invoke("abc")
            3
        """
        from runnables.compose.binding import RunnableBinding
        from runnables.compose.listeners import listeners

        return RunnableBinding(self, listeners=listeners(on_start, on_end, on_error))

    @checks_keywords
    def with_alisteners(
        self,
        *,
        on_start: AsyncListener | None = None,
        on_end: AsyncListener | None = None,
        on_error: AsyncListener | None = None,
    ) -> RunnableBinding[Input, Output]:
        """Await functions with the events of its own runs; only async calls work then.

        A function takes the `Event`; one with a parameter `config` gets the config of the run, too.

        Args:
            on_start: awaited when a run starts.
            on_end: awaited when a run has ended.
            on_error: awaited when a run has failed.

        Raises:
            ConfigError: a function that takes neither the event alone, nor the event and `config`.

        Example:
            >>> import asyncio
            >>> async def show(event: Event) -> None:
            ...     print(event.output)
            >>> _ = asyncio.run(RunnableLambda(len).with_alisteners(on_end=show).ainvoke("abc"))
            3
        """
        from runnables.compose.binding import RunnableBinding
        from runnables.compose.listeners import alisteners

        return RunnableBinding(self, listeners=alisteners(on_start, on_end, on_error))
