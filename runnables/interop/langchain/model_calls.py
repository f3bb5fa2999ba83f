"""Calls of LangChain's models within a run of ours: the options, the choice of a tool.

The run is ours, and is reported by us. Theirs is silent: else handlers would hear of two runs, and
each token would be counted twice. Only handlers that ours cannot reach hear of LangChain's own run:
those of the model itself, and those of `ambient.py` where no run of LangChain is around.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager, CallbackManager

from runnables.core.config import current_scope
from runnables.engine.stream import aclose, close
from runnables.engine.tasks import let_loop_close
from runnables.errors import ConfigError
from runnables.interop.langchain.ambient import mute_tracers
from runnables.interop.langchain.contexts import silent
from runnables.models.options import check_numbers, checked_stop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

_END: Final = object()


def _config_with(manager: type[BaseCallbackManager]) -> dict[str, Any]:
    """Return the config of a call of theirs: no handlers, and what their configurable fields read.

    Each call gets a new dict, as theirs remove keys. Their models of text refuse an empty list of
    handlers in async calls, and chat models take the handlers around for None.

    Args:
        manager: the class of a manager without handlers.
    """
    scope = current_scope()
    values: dict[str, Any] = {} if scope is None else scope.get("configurable", {})
    mute = [] if scope is None else mute_tracers(scope.handlers)
    callbacks = manager(mute, inheritable_handlers=mute.copy())
    return {"callbacks": callbacks, "configurable": values} if values else {"callbacks": callbacks}


_config: Final = partial(_config_with, CallbackManager)
_aconfig: Final = partial(_config_with, AsyncCallbackManager)


def call(target: Any, value: Any, keywords: Mapping[str, Any]) -> Any:
    """Return what a model of theirs answers.

    Args:
        target: the model, or what its `bind_tools` has returned.
        value: messages of theirs, or a string.
        keywords: the options of the call.
    """
    with silent():
        return target.invoke(value, _config(), **keywords)


async def acall(target: Any, value: Any, keywords: Mapping[str, Any]) -> Any:
    """Return what a model of theirs answers."""
    with silent():
        return await target.ainvoke(value, _aconfig(), **keywords)


def stream(target: Any, value: Any, keywords: Mapping[str, Any]) -> Generator[Any, None, None]:
    """Yield the chunks that a model of theirs answers; closing it closes theirs."""
    chunks: Any = None
    try:
        with silent():
            chunks = target.stream(value, _config(), **keywords)
        while True:
            with silent():  # not across a yield, where the caller's own calls would be silent
                chunk = next(chunks, _END)
            if chunk is _END:
                return
            yield chunk
    finally:
        with silent():
            close(chunks)


async def astream(
    target: Any, value: Any, keywords: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    """Yield the chunks that a model of theirs answers; closing it closes theirs."""
    chunks: Any = None
    chunk: Any = None
    try:
        with silent():
            chunks = target.astream(value, _aconfig(), **keywords)
        while True:
            with silent():
                chunk = await anext(chunks, _END)
            if chunk is _END:
                return
            yield chunk
    finally:
        with silent():
            await aclose(chunks)
            if chunk is not _END:  # it was left, and LangChain closes few generators itself
                await let_loop_close()


def generate(theirs: Any, prompt: str, keywords: Mapping[str, Any]) -> Any:
    """Return the result of a model of text of theirs, which has more than the text."""
    with silent():
        return theirs.generate([prompt], callbacks=_config()["callbacks"], **keywords)


async def agenerate(theirs: Any, prompt: str, keywords: Mapping[str, Any]) -> Any:
    """Return the result of a model of text of theirs, which has more than the text."""
    with silent():
        return await theirs.agenerate([prompt], callbacks=_aconfig()["callbacks"], **keywords)


# -- options


def checked_options(owner: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call, without those that are None.

    Their models take any keyword, and say themselves what they refuse.

    Raises:
        ConfigError: a number of the wrong type or out of range, an empty stop sequence, or
            something that is no tool.
    """
    check_numbers(owner, given)
    options = {name: value for name, value in given.items() if value is not None}
    if "stop" in options:
        options["stop"] = checked_stop(options["stop"])
    if "tools" in options or "tool_choice" in options:
        from runnables.models.structured.schemas import convert_tool_options

        convert_tool_options(options)
    return options


def with_tools(theirs: Any, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what to call for options, and the keywords of the call; tools go to `bind_tools`.

    Args:
        theirs: their model.
        options: checked options, with tools and a choice in OpenAI's form.

    Raises:
        ConfigError: their model takes no tools.
    """
    keywords = dict(options)
    tools: list[Any] = keywords.pop("tools", None) or []
    choice = keywords.pop("tool_choice", None)
    if not tools or choice == "none":
        return theirs, keywords
    named = {} if choice is None else {"tool_choice": _their_choice(choice)}
    try:
        return theirs.bind_tools(tools, **named), keywords
    except NotImplementedError:
        raise ConfigError(
            f"{type(theirs).__name__} takes no tools: its class writes no `bind_tools`. Use a "
            "model that does, or ask for JSON in the prompt and parse the answer."
        ) from None


def _their_choice(choice: Any) -> Any:
    """Return a choice as all of their models take it: "any", "auto", or the name of a tool."""
    if choice == "required":
        return "any"
    match choice:
        case {"function": {"name": str(name)}}:
            return name
        case _:
            return choice
