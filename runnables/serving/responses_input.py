"""The input of a request for a response, as a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages.ai import AIMessage
from runnables.messages.convert import convert_to_message
from runnables.messages.roles import HumanMessage, SystemMessage, ToolMessage
from runnables.messages.tool_calls import parse_tool_calls, tool_call_chunk
from runnables.serving.failures import RequestError
from runnables.serving.packing import unpack

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

_ROLES: Final = ("user", "assistant", "system", "developer")


def read_input(body: Mapping[str, Any]) -> list[BaseMessage]:
    """Return the conversation of a request.

    Raises:
        RequestError: it is none, or continues a response or names an item that was never stored.
    """
    if body.get("previous_response_id") is not None:
        raise RequestError(
            "No response is stored here: send the whole conversation as 'input'.",
            404,
            "previous_response_not_found",
        )
    given = body.get("input")
    reader = _InputReader()
    instructions = body.get("instructions")
    if isinstance(instructions, str) and instructions:
        reader.messages.append(SystemMessage(instructions))
    if isinstance(given, str):
        reader.messages.append(HumanMessage(given))
    elif isinstance(given, list) and given:
        for index, item in enumerate(cast("Any", given)):
            if not isinstance(item, dict):
                raise RequestError(f"input[{index}] must be an object.")
            reader.read(index, cast("dict[str, Any]", item))
        reader.end_answer()
    else:
        raise RequestError("'input' must be a string, or a list with at least one item.")
    return reader.messages


class _InputReader:
    """The items of an input, of which one answer of the model may be several.

    Attributes:
        messages: the conversation so far.
    """

    def __init__(self) -> None:
        self.messages: list[BaseMessage] = []
        self._text: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._phase: str | None = None
        self._has_answer = False

    def read(self, index: int, item: dict[str, Any]) -> None:
        """Add an item; those of types that no chain knows are left out."""
        match item.get("type", "message"):
            case "message":
                self._message(index, item)
            case "function_call":
                if not all(isinstance(item.get(key), str) for key in ("call_id", "name")):
                    raise RequestError(f"input[{index}] needs a 'call_id' and a 'name'.")
                if not isinstance(item.get("arguments"), str | None):
                    raise RequestError(f"input[{index}].arguments must be a string.")
                self._has_answer = True
                self._calls.append(item)
            case "function_call_output":
                self.end_answer()
                self._output(index, item)
            case "reasoning":
                self._reasoning(item)
            case "item_reference":  # left out, the model would read a conversation with gaps
                raise RequestError(
                    f"input[{index}] refers to an item, and none is stored here: send the items "
                    "themselves, as clients do with 'store': false.",
                    404,
                    "item_not_found",
                )
            case _:
                pass

    def _message(self, index: int, item: dict[str, Any]) -> None:
        role, content = item.get("role"), item.get("content")
        if role not in _ROLES:
            raise RequestError(f"input[{index}].role must be one of: {', '.join(_ROLES)}.")
        if role != "assistant":
            self.end_answer()
            self.messages.append(_given(index, str(role), content))
            return
        if self._calls:
            self.end_answer()  # text after calls is another answer
        self._has_answer = True
        self._text.append(_text(index, content))
        phase = item.get("phase")
        self._phase = phase if isinstance(phase, str) else None

    def _output(self, index: int, item: dict[str, Any]) -> None:
        call_id, output = item.get("call_id"), item.get("output")
        if not isinstance(call_id, str):
            raise RequestError(f"input[{index}].call_id must be a string.")
        text = output if isinstance(output, str) else _text(index, output)
        self.messages.append(ToolMessage(text, tool_call_id=call_id))

    def _reasoning(self, item: dict[str, Any]) -> None:
        """Put the whole message in the place of what is shown of it."""
        packed = item.get("encrypted_content")
        ids = [str(call["call_id"]) for call in self._calls]
        message = unpack(packed, "".join(self._text), ids)
        if message is not None:
            self.messages.append(message)
            self._clear()

    def end_answer(self) -> None:
        """Add the answer whose items came last, if there is one."""
        if not self._has_answer:
            return
        chunks = [
            tool_call_chunk(
                name=item["name"], args=item.get("arguments") or "{}", id=item["call_id"]
            )
            for item in self._calls
        ]
        calls, invalid = parse_tool_calls(chunks, last=True)
        answer = AIMessage("".join(self._text), tool_calls=calls, invalid_tool_calls=invalid)
        if self._phase is not None:
            answer.additional_kwargs["phase"] = self._phase
        self.messages.append(answer)
        self._clear()

    def _clear(self) -> None:
        self._text, self._calls, self._phase, self._has_answer = [], [], None, False


def _given(index: int, role: str, content: Any) -> BaseMessage:
    """Return a message of a person, or of the application."""
    if isinstance(content, list):
        content = [_block(index, part) for part in cast("Any", content)]
    elif not isinstance(content, str):
        raise RequestError(f"input[{index}].content must be a string or a list of parts.")
    try:
        return convert_to_message({"role": role, "content": content})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RequestError(f"input[{index}] cannot be read as a message.") from None


def _block(index: int, part: Any) -> dict[str, Any]:
    fields: dict[str, Any] = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
    match fields.get("type"):
        case "input_text" | "text" | "output_text" if isinstance(fields.get("text"), str):
            return {"type": "text", "text": fields["text"]}
        case "input_image" | "input_file" | "input_audio":
            return fields
        case _:
            raise RequestError(f"input[{index}] has a part that cannot be read.")


def _text(index: int, content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RequestError(f"input[{index}] has a content that is no text.")
    found: list[str] = []
    for part in cast("Any", content):
        fields = cast("dict[str, Any]", part) if isinstance(part, dict) else {"text": None}
        text = fields.get("text", fields.get("refusal", ""))
        if not isinstance(text, str):
            raise RequestError(f"input[{index}] has a part that cannot be read.")
        found.append(text)
    return "".join(found)
