"""Between messages and the plain data of llama.cpp, whose requests and events are as OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelError,
    RunnablesError,
    ServerError,
)
from runnables.messages import (
    AIMessageChunk,
    BaseMessage,
    ToolCallChunk,
    UsageMetadata,
    convert_to_openai_messages,
)

PROVIDER: Final = "local"

_PASSED_ON: Final = (
    "temperature",
    "max_tokens",
    "seed",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "response_format",
    "tools",
)


def chat_request(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> dict[str, Any]:
    """The request for a streamed answer, with the usage at its end."""
    request: dict[str, Any] = {
        "messages": convert_to_openai_messages(list(messages)),
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: options[name] for name in _PASSED_ON if name in options},
    }
    if stop := options.get("stop"):
        request["stop"] = [stop] if isinstance(stop, str) else list(stop)
    if "tool_choice" in options:
        request["tool_choice"] = _tool_choice(options["tool_choice"])
    return request


def _tool_choice(choice: Any) -> Any:
    if choice == "any":
        return "required"
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def chunk_of(event: Any) -> AIMessageChunk | None:
    """What one event of the runtime adds to the answer; None where it adds nothing.

    Raises:
        ModelError: the event says that the call failed.
    """
    body: Mapping[str, Any] = event
    if "error" in body:
        raise error_of(body["error"])
    choices: Sequence[Mapping[str, Any]] = body.get("choices") or ()
    delta: Mapping[str, Any] = choices[0].get("delta") or {} if choices else {}
    finish = choices[0].get("finish_reason") if choices else None
    chunk = AIMessageChunk(
        delta.get("content") or "",
        id=body.get("id"),
        tool_call_chunks=[_call_chunk(it) for it in delta.get("tool_calls") or ()],
        usage_metadata=usage_of(body.get("usage")),
        response_metadata=_metadata(body, finish),
    )
    empty = not (chunk.content or chunk.tool_call_chunks or chunk.usage_metadata or finish)
    return None if empty else chunk


def _call_chunk(call: Mapping[str, Any]) -> ToolCallChunk:
    function: Mapping[str, Any] = call.get("function") or {}
    return ToolCallChunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index"),
        type="tool_call_chunk",
    )


def usage_of(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    """The tokens that an answer took."""
    if not usage:
        return None
    details: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens", 0)
    return UsageMetadata(
        input_tokens=usage.get("prompt_tokens", 0),
        output_tokens=usage.get("completion_tokens", 0),
        total_tokens=usage.get("total_tokens", 0),
        input_token_details={"cache_read": cached},
    )


def _metadata(body: Mapping[str, Any], finish: Any) -> dict[str, Any]:
    if finish is None:
        return {}
    return {"model_name": body.get("model"), "model_provider": PROVIDER, "finish_reason": finish}


def error_of(error: Any) -> ModelError:
    """The error of a failed call, by what the runtime says of it."""
    whole: Any = error
    said: dict[str, Any] = whole if isinstance(error, dict) else {"message": str(error)}
    message, code = str(said.get("message", said)), said.get("code")
    status = code if isinstance(code, int) else None
    if said.get("type") == "exceed_context_size_error" or "context size" in message:
        return ContextLengthError(
            f"{message}. Send less, or load the model with a larger context_size.",
            provider=PROVIDER,
            status=status,
        )
    if status is not None and status >= 500 and status != 501:
        return ServerError(message, provider=PROVIDER, status=status)
    return InvalidRequestError(message, provider=PROVIDER, status=status)


def model_error(error: Exception) -> ModelError | None:
    """The same for what the runtime raises; None where it is one of ours already."""
    if isinstance(error, RunnablesError):
        return None
    return error_of(cast("Any", str(error)))
