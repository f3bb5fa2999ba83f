"""The helpers that classes written for LangChain call from their `invoke` and `transform`.

Few programs have such a class, so each helper loads what it needs when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.core.contract import BaseRunnable
from runnables.core.typevars import Input, Output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from runnables.core.config import RunnableConfig

Result = TypeVar("Result")


class StepHelpers(BaseRunnable[Input, Output], internal=True):
    """The methods of `Runnable` that run a function of a step under its config."""

    def _call_with_config(
        self,
        func: Callable[..., Result],
        input_: Any,
        config: RunnableConfig | None,
        run_type: str | None = None,
        serialized: Any = None,
        **kwargs: Any,
    ) -> Result:
        """Call a function from `invoke`, under its config; the run is that of `invoke`."""
        from runnables.core.step_calls import call_with_config

        return cast("Result", call_with_config(func, input_, config, kwargs))

    async def _acall_with_config(
        self,
        func: Callable[..., Awaitable[Result]],
        input_: Any,
        config: RunnableConfig | None,
        run_type: str | None = None,
        serialized: Any = None,
        **kwargs: Any,
    ) -> Result:
        """Call an async function from `ainvoke`, under its config."""
        from runnables.core.step_calls import acall_with_config

        return cast("Result", await acall_with_config(func, input_, config, kwargs))

    def _transform_stream_with_config(
        self,
        inputs: Iterator[Any],
        transformer: Callable[..., Iterator[Result]],
        config: RunnableConfig | None,
        run_type: str | None = None,
        **kwargs: Any,
    ) -> Iterator[Result]:
        """Call a generator function from `transform`, under its config."""
        from runnables.core.step_calls import iterate_with_config

        return iterate_with_config(self, transformer, inputs, config, kwargs)

    def _atransform_stream_with_config(
        self,
        inputs: AsyncIterator[Any],
        transformer: Callable[..., AsyncIterator[Result]],
        config: RunnableConfig | None,
        run_type: str | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Result]:
        """Call an async generator function from `atransform`, under its config."""
        from runnables.core.step_calls import aiterate_with_config

        return aiterate_with_config(self, transformer, inputs, config, kwargs)
