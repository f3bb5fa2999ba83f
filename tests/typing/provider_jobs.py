"""The types of chains that go through a provider's batch jobs. mypy and pyright read this file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from runnables import (
    AIMessage,
    BatchProgress,
    BatchStatus,
    ChatPromptTemplate,
    ProviderBatch,
    Runnable,
    StrOutputParser,
    cancel_provider_job,
    via_flex,
    via_provider,
)
from runnables_providers.openai import ChatOpenAI

model = ChatOpenAI("gpt-5-mini", api_key="none")
chain = ChatPromptTemplate.from_template("{a}") | model | StrOutputParser()


def show(progress: BatchProgress) -> None:
    assert_type(progress.jobs, tuple[BatchStatus, ...])


def note(job_id: str, custom_ids: Sequence[str]) -> None:
    cancel_provider_job(model, job_id)


assert_type(via_provider(chain, on_progress=show, on_submitted=note).batch([{"a": "b"}]), list[str])
assert_type(via_flex(chain).invoke({"a": "b"}), str)
assert_type(ProviderBatch(model, attach={"job": ["id"]}).invoke("a"), AIMessage)
step: Runnable[str, AIMessage] = via_provider(model, attach="job", first_poll=1)
via_provider(chain, first_pol=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
via_provider(chain, max_wait="1 h")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
