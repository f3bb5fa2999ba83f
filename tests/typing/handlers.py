"""The types of handlers and listeners. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_type
from uuid import UUID

from runnables import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    BaseMessage,
    BaseTracer,
    Callbacks,
    ChatGeneration,
    ChatGenerationChunk,
    Event,
    FakeListChatModel,
    LLMResult,
    OpenAICallbackHandler,
    Run,
    RunnableBinding,
    RunnableConfig,
    RunnableLambda,
    StdOutCallbackHandler,
    StreamEvent,
    StreamingStdOutCallbackHandler,
    UsageMetadata,
    UsageMetadataCallbackHandler,
    collect_runs,
    get_openai_callback,
    get_usage_metadata_callback,
)
from runnables_providers.openai import ChatOpenAI


def length(text: str) -> int:
    return len(text)


step = RunnableLambda(length)


# methods with few parameters, or with all of them
class Short(BaseCallbackHandler):
    raise_error = True

    @property
    def ignore_chain(self) -> bool:
        return True

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], **kwargs: Any) -> None:
        print(prompts)

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **kwargs: Any
    ) -> Any:
        print(messages[0][0].text)

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        print(token, end="")

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        assert_type(response.generations[0][0], ChatGeneration)
        assert_type(response.generations[0][0].text, str)

    def on_tool_end(self, output: Any, **kwargs: Any) -> None: ...

    def on_retriever_end(self, documents: Sequence[Any], **kwargs: Any) -> None: ...


class Long(BaseCallbackHandler):
    def on_llm_new_token(
        self,
        token: str,
        *,
        chunk: ChatGenerationChunk | None = None,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> None: ...

    def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> None: ...

    def on_custom_event(
        self,
        name: str,
        data: Any,
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None: ...


# async methods, in either base class
class Later(AsyncCallbackHandler):
    async def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        await super().on_llm_end(response, **kwargs)


class Mixed(BaseCallbackHandler):
    async def on_llm_new_token(self, token: str, **kwargs: Any) -> None: ...


# all of them are handlers
callbacks: Callbacks = [Short(), Long(), Later(), Mixed(), StdOutCallbackHandler()]
step.invoke("a", {"callbacks": [Short(), StreamingStdOutCallbackHandler()]})
step.with_config(callbacks=callbacks)
ChatOpenAI(model="m", callbacks=[Short()])
ChatOpenAI(model="m", callbacks=callbacks)
FakeListChatModel(["a"]).invoke("b", {"callbacks": [UsageMetadataCallbackHandler()]})

# counting
with get_openai_callback(prices={"m": (1.0, 2.0)}) as costs:
    assert_type(costs, OpenAICallbackHandler)
    assert_type(costs.total_tokens, int)
    assert_type(costs.total_cost, float)
with get_usage_metadata_callback() as usage:
    assert_type(usage.usage_metadata, dict[str, UsageMetadata])


# runs as trees
class Tree(BaseTracer):
    def _persist_run(self, run: Run) -> None:
        assert_type(run.child_runs, list[Run])
        assert_type(run.outputs, dict[str, Any] | None)
        assert_type(run.error, str | None)


step.invoke("a", {"callbacks": [Tree()]})
with collect_runs() as collector:
    assert_type(collector.traced_runs, list[Run])
for event in step.stream_events("a", version="v2", include_types=["chain"]):
    assert_type(event, StreamEvent)


# listeners
def on_start(event: Event) -> None:
    assert_type(event.id, UUID | str)
    assert_type(event.start_time, datetime)
    assert_type(event.end_time, datetime | None)


def on_end(event: Event, config: RunnableConfig) -> None: ...


async def aon_end(event: Event, config: RunnableConfig) -> None: ...


assert_type(
    step.with_listeners(on_start=on_start, on_end=on_end, on_error=lambda event: print(event)),
    RunnableBinding[str, int],
)
assert_type(step.with_alisteners(on_end=aon_end), RunnableBinding[str, int])
