"""Handlers with an async method for each event, as LangChain has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.callbacks.handlers import BaseCallbackHandler

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from runnables.messages.base import BaseMessage
    from runnables.messages.generations import ChatGenerationChunk, LLMResult


class AsyncCallbackHandler(BaseCallbackHandler, internal=True):
    """A handler whose methods are async; it serves async runs only, and they wait for it.

    It is a `BaseCallbackHandler`, in which methods may be async, too.

    Example:
        >>> import asyncio
        >>> class Printer(AsyncCallbackHandler):
        ...     async def on_chain_end(self, outputs, **kwargs):
        ...         print(outputs)
        >>> asyncio.run(RunnableLambda(len).ainvoke("abc", {"callbacks": [Printer()]}))
        3
        3
    """

    # -- models

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a model; a list of one conversation.

        Raises:
            NotImplementedError: a subclass may raise it, for `on_llm_start` to be called instead.
        """
        raise NotImplementedError(f"{type(self).__name__} does not write on_chat_model_start")

    async def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a model of text; of a chat model without `on_chat_model_start`."""

    async def on_llm_new_token(
        self,
        token: str,
        *,
        chunk: ChatGenerationChunk | None = None,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the text of a chunk; where it is written, models that are invoked stream, too."""

    async def on_llm_end(
        self,
        response: LLMResult,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the answer of a model: `response.generations[0][0].message`."""

    async def on_llm_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of a model; `CancelledError` or `GeneratorExit`, if it was left."""

    # -- chains, prompts, parsers, functions

    async def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of any other runnable, with its input as it is."""

    async def on_chain_end(
        self,
        outputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the output of any other runnable, as it is."""

    async def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of any other runnable."""

    # -- tools

    async def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a tool, with its arguments."""

    async def on_tool_end(
        self,
        output: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the output of a tool: a `ToolMessage`, where it was given a tool call."""

    async def on_tool_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of a tool."""

    # -- retrievers

    async def on_retriever_start(
        self,
        serialized: dict[str, Any],
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a retriever."""

    async def on_retriever_end(
        self,
        documents: Sequence[Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the documents that a retriever has found."""

    async def on_retriever_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of a retriever."""

    # -- events of your own

    async def on_custom_event(
        self,
        name: str,
        data: Any,
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive an event of `dispatch_custom_event`; the id is that of the run around it."""

    # -- no event calls these

    async def on_text(self, text: str, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""

    async def on_retry(self, retry_state: Any, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""

    async def on_agent_action(self, action: Any, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""

    async def on_agent_finish(self, finish: Any, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""
