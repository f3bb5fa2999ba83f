"""The calls of a handler's methods: which method an event calls, and with which arguments.

The names and the arguments are those of LangChain's callbacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from runnables.core.handlers import Event, as_uuid
from runnables.engine.merging import RESET
from runnables.errors import RunnablesError
from runnables.messages.as_text import get_buffer_string
from runnables.messages.base import BaseMessage
from runnables.messages.convert import convert_to_messages
from runnables.messages.generations import (
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
    LLMResult,
)
from runnables.messages.prompt_values import StringPromptValue

if TYPE_CHECKING:
    from collections.abc import Callable


class Method(NamedTuple):
    """A method of a handler.

    Attributes:
        name: its name.
        ignored: the attribute of the handler that turns it off.
        arguments: makes its arguments of an event; None where the event is not for it.
    """

    name: str
    ignored: str
    arguments: Callable[[Event], tuple[tuple[Any, ...], dict[str, Any]] | None]


Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def _ids(event: Event) -> dict[str, Any]:
    return {
        "run_id": as_uuid(event.run_id),
        "parent_run_id": event.parent_run_id,
        "tags": list(event.tags),
    }


def _start(event: Event, *values: Any, **more: Any) -> Arguments:
    """Return the arguments of a start: who runs, what with, and whatever else is known."""
    serialized = {"name": event.name, "id": [event.run_type, event.name]}
    known = {"metadata": dict(event.metadata), "name": event.name, "run_type": event.run_type}
    return (serialized, *values), {**_ids(event), **known, **more}


def conversation(event: Event) -> list[BaseMessage]:
    """Return the messages that a model was given; none, where it was given something else."""
    if isinstance(event.input, Iterator):  # reading it would take it from the model
        return []
    with suppress(RunnablesError, TypeError, ValueError):  # the model itself raises it
        return convert_to_messages(event.input)
    return []


def _chat_model_start(event: Event) -> Arguments:
    return _start(event, [conversation(event)])


def _llm_start(event: Event) -> Arguments:
    return _start(event, [get_buffer_string(conversation(event))])


def prompt_of(event: Event) -> str:
    """Return the prompt that a model of text was given."""
    prompt = event.input.text if isinstance(event.input, StringPromptValue) else event.input
    return prompt if isinstance(prompt, str) else get_buffer_string(conversation(event))


def _prompt_start(event: Event) -> Arguments:
    return _start(event, [prompt_of(event)])


def _new_token(event: Event) -> Arguments | None:
    if event.chunk is RESET:  # the answer starts over, which these methods cannot say
        return None
    if isinstance(event.chunk, str):  # of a model of text
        info = getattr(event.chunk, "response_metadata", None)
        part = GenerationChunk(text=event.chunk, generation_info=info)
        return (str(event.chunk),), {"chunk": part, **_ids(event)}
    chunk = ChatGenerationChunk(message=event.chunk)
    return (chunk.text,), {"chunk": chunk, **_ids(event)}


def _llm_end(event: Event) -> Arguments:
    answer = event.output
    if not isinstance(answer, (BaseMessage, str)):  # a stream without a chunk
        return (LLMResult(generations=[[]]),), _ids(event)
    metadata: dict[str, Any] = dict(getattr(answer, "response_metadata", {}))
    output: dict[str, Any] = {}
    if name := metadata.get("model_name"):
        output["model_name"] = name
    if usage := event.usage:
        output["token_usage"] = {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        }
    if isinstance(answer, str):  # of a model of text
        made: ChatGeneration = Generation(text=str(answer), generation_info=metadata)
    else:
        made = ChatGeneration(message=answer, generation_info=metadata)
    return (LLMResult(generations=[[made]], llm_output=output),), _ids(event)


def _chain_start(event: Event) -> Arguments:
    return _start(event, event.input)


def tool_arguments(values: Any) -> tuple[Any, Any]:
    """Return the input of a tool without the envelope of a call, and the id of the call."""
    if not isinstance(values, Mapping):
        return values, None
    arguments = dict(cast("Mapping[str, Any]", values))
    if arguments.get("type") == "tool_call":
        return arguments.get("args"), arguments.get("id")
    return arguments, None


def _tool_start(event: Event) -> Arguments:
    values, call_id = tool_arguments(event.input)
    inputs = cast("Any", values) if isinstance(values, dict) else None
    return _start(event, str(cast("Any", values)), inputs=inputs, tool_call_id=call_id)


def _tool_end(event: Event) -> Arguments:
    return (event.output,), {**_ids(event), "name": event.name}


def _output(event: Event) -> Arguments:
    return (event.output,), _ids(event)


def _error(event: Event) -> Arguments:
    return (event.error,), _ids(event)


def _custom(event: Event) -> Arguments:
    more = {"tags": list(event.tags), "metadata": dict(event.metadata)}
    return (event.name, event.data), {"run_id": as_uuid(event.run_id), **more}


CHAT_MODEL_START: Final = Method("on_chat_model_start", "ignore_chat_model", _chat_model_start)
LLM_START: Final = Method("on_llm_start", "ignore_llm", _llm_start)

_PROMPT_START: Final = Method("on_llm_start", "ignore_llm", _prompt_start)
_NEW_TOKEN: Final = Method("on_llm_new_token", "ignore_llm", _new_token)
_LLM_END: Final = Method("on_llm_end", "ignore_llm", _llm_end)
_LLM_ERROR: Final = Method("on_llm_error", "ignore_llm", _error)
_CHAIN_ERROR: Final = Method("on_chain_error", "ignore_chain", _error)
_TOOL_ERROR: Final = Method("on_tool_error", "ignore_agent", _error)
_RETRIEVER_ERROR: Final = Method("on_retriever_error", "ignore_retriever", _error)

METHODS: Final[Mapping[tuple[str, str], tuple[Method, ...]]] = {
    ("llm", "start"): (CHAT_MODEL_START, LLM_START),
    ("llm", "chunk"): (_NEW_TOKEN,),
    ("llm", "end"): (_LLM_END,),
    ("llm", "error"): (_LLM_ERROR,),
    ("llm", "cancelled"): (_LLM_ERROR,),
    ("text", "start"): (_PROMPT_START,),
    ("text", "chunk"): (_NEW_TOKEN,),
    ("text", "end"): (_LLM_END,),
    ("text", "error"): (_LLM_ERROR,),
    ("text", "cancelled"): (_LLM_ERROR,),
    ("chain", "start"): (Method("on_chain_start", "ignore_chain", _chain_start),),
    ("chain", "end"): (Method("on_chain_end", "ignore_chain", _output),),
    ("chain", "error"): (_CHAIN_ERROR,),
    ("chain", "cancelled"): (_CHAIN_ERROR,),
    ("tool", "start"): (Method("on_tool_start", "ignore_agent", _tool_start),),
    ("tool", "end"): (Method("on_tool_end", "ignore_agent", _tool_end),),
    ("tool", "error"): (_TOOL_ERROR,),
    ("tool", "cancelled"): (_TOOL_ERROR,),
    ("retriever", "start"): (Method("on_retriever_start", "ignore_retriever", _chain_start),),
    ("retriever", "end"): (Method("on_retriever_end", "ignore_retriever", _output),),
    ("retriever", "error"): (_RETRIEVER_ERROR,),
    ("retriever", "cancelled"): (_RETRIEVER_ERROR,),
    ("custom", "custom"): (Method("on_custom_event", "ignore_custom_event", _custom),),
}
"""For each kind of run and of event: its methods, the first one first where it is written."""

FAMILIES: Final[Mapping[str, str]] = {
    "chat_model": "llm",
    "llm": "text",
    "tool": "tool",
    "retriever": "retriever",
    "custom": "custom",
    "embeddings": "embeddings",  # these have no methods
}
"""The kind of run, by its type; prompts, parsers and all others are chains."""
