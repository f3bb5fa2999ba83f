"""`run` and `arun` of a tool: `invoke` with LangChain's older arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.config_merging import merge_configs
from runnables.core.run_managers import RunManager

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from runnables.core.config import RunnableConfig
    from runnables.core.handlers import Handler


class RunMethods:
    """The methods of a tool that are older than `invoke`."""

    def run(
        self,
        tool_input: Any,
        *,
        config: RunnableConfig | None = None,
        callbacks: list[Handler] | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        run_name: str | None = None,
        run_id: UUID | str | None = None,
        run_manager: RunManager | list[Handler] | None = None,
        verbose: bool = False,
        tool_call_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the tool as `invoke` does, with parts of the config as keywords.

        Args:
            tool_input: a dict of arguments, or the value of the only argument.
            config: as for `invoke`.
            callbacks: added to the config, as are the next four.
            tags: added to the config.
            metadata: added to the config.
            run_name: added to the config.
            run_id: added to the config.
            run_manager: the one that a tool got, or a list of handlers; its handlers are added to
                the callbacks. Inside a run they are there anyway.
            verbose: whether a `ConsoleHandler` is added to the callbacks.
            tool_call_id: the id of the tool call that the message of the result answers; without
                one, the bare result is returned.
            **kwargs: options, as for `invoke`.

        Example:
            >>> @tool
            ... def shout(text: str) -> str:
            ...     '''Say it loudly.'''
            ...     return text.upper()
            >>> shout.run("ahoy"), shout.run({"text": "ahoy"}, tags=["night"])
            ('AHOY', 'AHOY')
            >>> shout.run({"text": "ahoy"}, tool_call_id="call_1").tool_call_id
            'call_1'
        """
        parts = {
            "callbacks": _handlers(callbacks, run_manager, verbose=verbose),
            "tags": tags,
            "metadata": metadata,
            "run_name": run_name,
            "run_id": run_id,
        }
        value = tool_input if tool_call_id is None else self._as_call(tool_input, tool_call_id)
        return cast("Any", self).invoke(value, _with_parts(config, parts), **kwargs)

    async def arun(
        self,
        tool_input: Any,
        *,
        config: RunnableConfig | None = None,
        callbacks: list[Handler] | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        run_name: str | None = None,
        run_id: UUID | str | None = None,
        run_manager: RunManager | list[Handler] | None = None,
        verbose: bool = False,
        tool_call_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Do what `run` does, async.

        Args:
            tool_input: as for `run`, as for all of these.
            config: as for `run`.
            callbacks: as for `run`.
            tags: as for `run`.
            metadata: as for `run`.
            run_name: as for `run`.
            run_id: as for `run`.
            run_manager: as for `run`.
            verbose: as for `run`.
            tool_call_id: as for `run`.
            **kwargs: options, as for `ainvoke`.
        """
        parts = {
            "callbacks": _handlers(callbacks, run_manager, verbose=verbose),
            "tags": tags,
            "metadata": metadata,
            "run_name": run_name,
            "run_id": run_id,
        }
        value = tool_input if tool_call_id is None else self._as_call(tool_input, tool_call_id)
        return await cast("Any", self).ainvoke(value, _with_parts(config, parts), **kwargs)

    def _as_call(self, tool_input: Any, call_id: str) -> dict[str, Any]:
        """Return an input as a tool call."""
        name = cast("Any", self).get_name()
        return {"type": "tool_call", "name": name, "args": tool_input, "id": call_id}


def _handlers(
    callbacks: Sequence[Handler] | None,
    run_manager: RunManager | Sequence[Handler] | None,
    *,
    verbose: bool,
) -> list[Handler] | None:
    """Return the handlers that are passed to a call; None where there are none."""
    passed = run_manager.handlers if isinstance(run_manager, RunManager) else run_manager
    handlers = [*(callbacks or ()), *(passed or ())]
    if verbose:
        from runnables.core.console import ConsoleHandler

        handlers.append(ConsoleHandler())
    return handlers or None


def _with_parts(config: RunnableConfig | None, parts: Mapping[str, Any]) -> RunnableConfig | None:
    """Return a config with those parts that are set."""
    chosen = {key: value for key, value in parts.items() if value is not None}
    return merge_configs(config, cast("RunnableConfig", chosen)) if chosen else config
