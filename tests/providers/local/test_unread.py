"""A stream that is not read: the model is at most two chunks ahead, and goes on later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, AIMessageChunk
from runnables.errors import ServerError
from runnables.messages import message_chunk_to_message
from runnables_providers.local import LocalChatModel, unload
from runnables_providers.local.bridge import MAX_AHEAD, Mailbox
from runnables_providers.local.continuation import Continuation
from tests.leaks import wait_for

STORY = "Write a very long story about a fox."


@pytest.fixture(scope="module")
def small() -> LocalChatModel:
    """The default model, for one call at a time."""
    return LocalChatModel(max_tokens=16, context_size=512, parallel=1)


def is_paused(model: LocalChatModel) -> bool:
    """Tell whether a call waits for its reader, and the runtime has nothing to do."""
    engine = model._engine()
    idle = engine.metrics().get("requests_processing", 0) == 0
    return bool(engine._paused) and not engine._running and idle


def joined(chunks: list[Any]) -> AIMessage:
    message = message_chunk_to_message(AIMessageChunk.merge_chunks(chunks))
    assert isinstance(message, AIMessage)
    return message


def slowly(model: LocalChatModel, **options: Any) -> Iterator[Any]:
    """Yield the chunks, each of which is read only after the model has paused, or has ended."""
    engine = model._engine()
    stream = model.stream(STORY, **options)
    with closing(stream):
        for chunk in stream:
            yield chunk
            assert wait_for(lambda: is_paused(model) or not engine._running, 60)


@pytest.mark.local_model
@pytest.mark.leaks(reason="the loaded model keeps its threads and its socket")
class TestWithTheModel:
    """What the real runtime does."""

    def test_an_unread_stream_pauses(self, small: LocalChatModel) -> None:
        """After one chunk was read, two wait; the runtime is idle, and the whole answer comes."""
        small.invoke(STORY, max_tokens=1)  # the prompt is in the runtime's memory from here on
        whole = small.invoke(STORY, max_tokens=24)
        stream = small.stream(STORY, max_tokens=24)
        with closing(stream):
            first = next(stream)
            assert wait_for(lambda: is_paused(small), 60)
            [job] = small._engine()._paused
            mailbox = job._on_event.__self__  # type: ignore[attr-defined]  # a bound method
            assert isinstance(mailbox, Mailbox)
            assert mailbox._events.qsize() == MAX_AHEAD
            answer = joined([first, *stream])
        assert answer.text == whole.text
        assert answer.usage_metadata == whole.usage_metadata
        assert answer.response_metadata["finish_reason"] == "length"

    def test_a_slow_reader_gets_the_same_answer(self, small: LocalChatModel) -> None:
        """The model pauses at nearly each chunk, and the words, counts and reasons are the same."""
        whole = small.invoke(STORY, max_tokens=8)
        chunks = list(slowly(small, max_tokens=8))
        answer = joined(chunks)
        assert answer.text == whole.text
        assert answer.usage_metadata is not None
        assert whole.usage_metadata is not None
        assert answer.usage_metadata["output_tokens"] == whole.usage_metadata["output_tokens"] == 8
        assert answer.usage_metadata["input_tokens"] == whole.usage_metadata["input_tokens"]
        assert len({chunk.id for chunk in chunks}) == 1

    def test_a_stop_sequence_is_found_after_a_pause(self, small: LocalChatModel) -> None:
        """The answer ends before it, as without a pause."""
        whole = small.invoke(STORY, max_tokens=24)
        stop = whole.text.split()[5]
        answer = joined(list(slowly(small, max_tokens=24, stop=[stop])))
        assert answer.text == whole.text.partition(stop)[0]
        assert answer.response_metadata["finish_reason"] == "stop"

    def test_a_seed_has_the_same_words_after_a_pause(self, small: LocalChatModel) -> None:
        """The answer is written anew, and what was read already does not come twice."""
        settings = {"seed": 7, "temperature": 1.0, "max_tokens": 16}
        whole = small.invoke(STORY, **settings)
        answer = joined(list(slowly(small, **settings)))
        assert answer.text == whole.text

    def test_others_run_while_one_is_paused(self, call: Any, small: LocalChatModel) -> None:
        """The place of an unread stream is free, also for more streams that are not read."""
        with ExitStack() as left:
            streams = [small.stream(STORY, max_tokens=12) for _ in range(3)]
            for stream in streams:
                left.callback(stream.close)
            first = [next(stream) for stream in streams]
            answer = call.invoke(small, "What is the capital of France?", max_tokens=4)
            assert answer.usage_metadata["output_tokens"] == 4
            rest = [list(stream) for stream in streams]
        for chunk, chunks in zip(first, rest, strict=True):
            usage = joined([chunk, *chunks]).usage_metadata
            assert usage is not None
            assert usage["output_tokens"] == 12

    def test_a_paused_stream_can_be_left(self, small: LocalChatModel) -> None:
        """Nothing of it stays."""
        stream = small.stream(STORY, max_tokens=40)
        next(stream)
        assert wait_for(lambda: is_paused(small), 60)
        stream.close()
        assert not small._engine()._paused
        assert small._engine().calls() == 0

    def test_a_paused_async_stream_goes_on(self, small: LocalChatModel) -> None:
        """The loop is free while the model is paused, and cancellation leaves nothing."""
        whole = small.invoke(STORY, max_tokens=12)

        async def main() -> None:
            stream = small.astream(STORY, max_tokens=12)
            chunks = [await anext(stream)]
            assert await asyncio.to_thread(wait_for, lambda: is_paused(small), 60)
            chunks += [chunk async for chunk in stream]
            assert joined(chunks).text == whole.text
            left = small.astream(STORY, max_tokens=40)
            await anext(left)
            assert await asyncio.to_thread(wait_for, lambda: is_paused(small), 60)
            await left.aclose()
            assert not small._engine()._paused

        asyncio.run(main())

    def test_a_paused_stream_ends_with_the_model(self) -> None:
        """`unload` ends it with an error, as it does with a running one."""
        own = LocalChatModel(max_tokens=40, context_size=256, parallel=1)
        stream = own.stream(STORY)
        next(stream)
        assert wait_for(lambda: is_paused(own), 60)
        unload()
        with pytest.raises(ServerError, match="unloaded"):
            list(stream)


# -- the continuation, without a model


def event(text: str | None, count: int = 0, **more: Any) -> dict[str, Any]:
    """Return an event of the runtime."""
    delta = {} if text is None else {"content": text}
    timings = {"predicted_n": count, "predicted_ms": 2.0 * count, "prompt_ms": 5.0}
    return {"id": "a", "choices": [{"delta": delta}], "timings": timings, **more}


WORDS = st.lists(st.text("ab \n", min_size=1, max_size=3), min_size=1, max_size=12)


@given(WORDS, st.data())
def test_the_words_do_not_depend_on_the_pauses(words: list[str], data: st.DataObject) -> None:
    """However often an answer is paused, each word comes once, and the rest is asked for."""
    text = "".join(words)
    progress = Continuation(max_tokens=100, anew=data.draw(st.booleans()), pausable=True)
    request: dict[str, Any] = {"messages": [{"role": "user", "content": "q"}], "max_tokens": 100}
    read = ""
    while read != text:
        sent = progress.next_request(request)
        last = sent["messages"][-1]
        beginning = last["content"] if last["role"] == "assistant" else ""
        assert text.startswith(beginning)
        left = text[len(beginning) :]
        size = data.draw(st.integers(1, 4))
        parts = [left[start : start + size] for start in range(0, len(left), size)]
        for count, part in enumerate(parts, 1):
            taken = progress.take(event(part, count))
            read += taken["choices"][0]["delta"]["content"]
            if progress.can_pause(taken) and data.draw(st.booleans()):
                break
    assert read == text


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([("user", "q")], [("user", "q"), ("assistant", "So")]),
        ([("user", "q"), ("assistant", "And ")], [("user", "q"), ("assistant", "And So")]),
    ],
)
def test_the_words_begin_the_next_request(
    given: list[tuple[str, str]], sent: list[tuple[str, str]]
) -> None:
    """They go on with the beginning that the user wrote, if there is one."""
    progress = Continuation(max_tokens=10, anew=False, pausable=True)
    messages = [{"role": role, "content": text} for role, text in given]
    progress.next_request({"messages": messages})
    progress.take(event("So ", 1))
    request = progress.next_request({"messages": messages})
    assert [(message["role"], message["content"]) for message in request["messages"]] == sent
    assert request["max_tokens"] == 9


def test_what_cannot_be_continued_is_not_paused() -> None:
    """Answers in a schema, reasoning, the last token, and what was written anew."""
    in_schema = Continuation(max_tokens=10, anew=False, pausable=False)
    in_schema.next_request({})
    assert not in_schema.can_pause(in_schema.take(event("{", 1)))
    reasoned = Continuation(max_tokens=10, anew=False, pausable=True)
    reasoned.next_request({})
    reasoned.take({"choices": [{"delta": {"reasoning_content": "hm"}}]})
    assert not reasoned.can_pause(reasoned.take(event("So", 2)))
    last = Continuation(max_tokens=2, anew=False, pausable=True)
    last.next_request({})
    assert last.can_pause(last.take(event("a", 1)))
    assert not last.can_pause(last.take(event("b", 2)))
    anew = Continuation(max_tokens=10, anew=True, pausable=True)
    anew.next_request({})
    assert anew.can_pause(anew.take(event("a", 1)))
    anew.next_request({})
    assert not anew.can_pause(anew.take(event("ab", 2)))


def test_counts_are_those_of_the_whole_answer() -> None:
    """The prompt of the next request has words of the answer, which count as written."""
    progress = Continuation(max_tokens=10, anew=False, pausable=True)
    request: dict[str, Any] = {"messages": [{"role": "user", "content": "q"}]}
    progress.next_request(request)
    progress.take(event(None, 0, prompt_progress={"total": 7, "cache": 2}))
    progress.take(event("a", 1))
    progress.take(event("b", 2))
    progress.next_request(request)
    progress.take(event(None, 0, prompt_progress={"total": 9, "cache": 8}))
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    last = progress.take({**event(None, 3, usage=usage), "id": "b", "choices": []})
    assert last["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 2},
    }
    assert last["timings"]["predicted_ms"] == 10.0
    assert last["id"] == "a"
