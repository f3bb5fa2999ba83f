"""Prompt values."""

from __future__ import annotations

from runnables.messages import (
    ChatPromptValue,
    HumanMessage,
    StringPromptValue,
    SystemMessage,
)


def test_prompt_values_convert_to_a_string_and_to_messages() -> None:
    """Both kinds of prompt values serve both kinds of models."""
    assert StringPromptValue(text="hi").to_messages() == [HumanMessage("hi")]
    assert StringPromptValue(text="hi").to_string() == "hi"
    chat = ChatPromptValue(messages=[SystemMessage("be"), HumanMessage("hi")])
    assert chat.to_string() == "System: be\nHuman: hi"
    assert ChatPromptValue.model_validate_json(chat.model_dump_json()) == chat
    assert chat.to_messages() is not chat.messages
