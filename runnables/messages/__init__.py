"""Messages, their chunks and content blocks, and functions of conversations."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage, AIMessageChunk, add_ai_message_chunks
    from runnables.messages.as_text import get_buffer_string
    from runnables.messages.base import BaseMessage, BaseMessageChunk
    from runnables.messages.blocks import (
        AudioContentBlock,
        Content,
        ContentBlock,
        FileContentBlock,
        ImageContentBlock,
        NonStandardContentBlock,
        PlainTextContentBlock,
        ReasoningContentBlock,
        RefusalContentBlock,
        TextContentBlock,
        VideoContentBlock,
    )
    from runnables.messages.convert import (
        MessageLikeRepresentation,
        MessagesLike,
        convert_to_messages,
        message_from_dict,
        message_to_dict,
        messages_from_dict,
        messages_to_dict,
    )
    from runnables.messages.filter import filter_messages, merge_message_runs
    from runnables.messages.kinds import (
        AnyMessage,
        final_chunk,
        message_chunk_to_message,
        message_to_chunk,
        text_chunk,
        text_message,
    )
    from runnables.messages.merging import merge_content
    from runnables.messages.normalize import ConversationError, is_data_content_block
    from runnables.messages.openai import convert_to_openai_image_block, convert_to_openai_messages
    from runnables.messages.prompt_values import (
        ChatPromptValue,
        ChatPromptValueConcrete,
        PromptValue,
        StringPromptValue,
    )
    from runnables.messages.removal import RemoveMessage
    from runnables.messages.roles import (
        ChatMessage,
        ChatMessageChunk,
        HumanMessage,
        HumanMessageChunk,
        SystemMessage,
        SystemMessageChunk,
        ToolMessage,
        ToolMessageChunk,
    )
    from runnables.messages.tokens import count_tokens_approximately
    from runnables.messages.tool_calls import (
        InvalidToolCall,
        ToolCall,
        ToolCallChunk,
        invalid_tool_call,
        tool_call,
        tool_call_chunk,
    )
    from runnables.messages.trim import trim_messages
    from runnables.messages.usage import (
        InputTokenDetails,
        OutputTokenDetails,
        UsageMetadata,
        add_usage,
        subtract_usage,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.messages.ai": "AIMessage AIMessageChunk add_ai_message_chunks",
            "runnables.messages.as_text": "get_buffer_string",
            "runnables.messages.base": "BaseMessage BaseMessageChunk",
            "runnables.messages.blocks": (
                "AudioContentBlock Content ContentBlock FileContentBlock ImageContentBlock "
                "NonStandardContentBlock PlainTextContentBlock ReasoningContentBlock "
                "RefusalContentBlock TextContentBlock VideoContentBlock"
            ),
            "runnables.messages.convert": (
                "MessageLikeRepresentation MessagesLike convert_to_messages message_from_dict "
                "message_to_dict messages_from_dict messages_to_dict"
            ),
            "runnables.messages.filter": "filter_messages merge_message_runs",
            "runnables.messages.kinds": (
                "AnyMessage final_chunk message_chunk_to_message message_to_chunk text_chunk "
                "text_message"
            ),
            "runnables.messages.merging": "merge_content",
            "runnables.messages.normalize": "ConversationError is_data_content_block",
            "runnables.messages.openai": "convert_to_openai_image_block convert_to_openai_messages",
            "runnables.messages.prompt_values": (
                "ChatPromptValue ChatPromptValueConcrete PromptValue StringPromptValue"
            ),
            "runnables.messages.removal": "RemoveMessage",
            "runnables.messages.roles": (
                "ChatMessage ChatMessageChunk HumanMessage HumanMessageChunk SystemMessage "
                "SystemMessageChunk ToolMessage ToolMessageChunk"
            ),
            "runnables.messages.tokens": "count_tokens_approximately",
            "runnables.messages.tool_calls": (
                "InvalidToolCall ToolCall ToolCallChunk invalid_tool_call tool_call tool_call_chunk"
            ),
            "runnables.messages.trim": "trim_messages",
            "runnables.messages.usage": (
                "InputTokenDetails OutputTokenDetails UsageMetadata add_usage subtract_usage"
            ),
        },
    )

__all__ = [
    # messages
    "BaseMessage",
    "HumanMessage",
    "AIMessage",
    "SystemMessage",
    "ToolMessage",
    "ChatMessage",
    "RemoveMessage",
    "AnyMessage",
    "MessageLikeRepresentation",
    "MessagesLike",
    # their chunks
    "BaseMessageChunk",
    "HumanMessageChunk",
    "AIMessageChunk",
    "SystemMessageChunk",
    "ToolMessageChunk",
    "ChatMessageChunk",
    "message_chunk_to_message",
    "message_to_chunk",
    "final_chunk",
    "text_message",
    "text_chunk",
    "add_ai_message_chunks",
    "merge_content",
    # content blocks
    "Content",
    "ContentBlock",
    "TextContentBlock",
    "ReasoningContentBlock",
    "RefusalContentBlock",
    "ImageContentBlock",
    "AudioContentBlock",
    "VideoContentBlock",
    "FileContentBlock",
    "PlainTextContentBlock",
    "NonStandardContentBlock",
    "is_data_content_block",
    "ConversationError",
    # tool calls
    "ToolCall",
    "ToolCallChunk",
    "InvalidToolCall",
    "tool_call",
    "tool_call_chunk",
    "invalid_tool_call",
    # usage
    "UsageMetadata",
    "InputTokenDetails",
    "OutputTokenDetails",
    "add_usage",
    "subtract_usage",
    # conversations
    "convert_to_messages",
    "trim_messages",
    "filter_messages",
    "merge_message_runs",
    "get_buffer_string",
    "count_tokens_approximately",
    # conversion to other formats
    "message_to_dict",
    "messages_to_dict",
    "message_from_dict",
    "messages_from_dict",
    "convert_to_openai_messages",
    "convert_to_openai_image_block",
    # prompt values
    "PromptValue",
    "StringPromptValue",
    "ChatPromptValue",
    "ChatPromptValueConcrete",
]
