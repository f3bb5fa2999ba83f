"""Cached runnables: which calls run, which outputs come from the cache, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    ConfigError,
    ConfigurableField,
    Document,
    HumanMessage,
    InMemoryCache,
    RunnableCache,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    SQLiteCache,
    StepTimeout,
    StrOutputParser,
    track_usage,
)
from runnables.models.fakes import DeterministicFakeEmbedding
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.both_modes import Call
from tests.laws.recorder import Recorder
from tests.laws.specimens import AGAIN
from tests.laws.steps import Flaky
from tests.models.test_request_policies import WAYS, ChunkHandler, ways


class Person(BaseModel):
    name: str
    born: date | None = None


class Countess(Person):
    title: str = "Countess"


@dataclass
class Point:
    x: int
    y: int


class Named(TypedDict):
    name: str


class Counted:
    """A function that counts its calls."""

    def __init__(self) -> None:
        self._calls: list[Any] = []

    def __call__(self, value: Any) -> Any:
        self._calls.append(value)
        return [value]

    def words(self, text: str) -> Iterator[str]:
        self._calls.append(text)
        yield from text.split(" ")


def with_cache(function: Any, **options: Any) -> Any:
    return RunnableLambda(function).with_cache(options.pop("cache", None), key="f", **options)


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a cache of each kind."""
    return InMemoryCache() if request.param == "memory" else SQLiteCache(tmp_path / "cache.db")


def test_equal_inputs_run_once(cache: Any, call: Call) -> None:
    """Invoked, streamed, in a batch or a parallel step: one call, the same value each time."""
    f = Counted()
    cached = with_cache(f, cache=cache)
    assert call.invoke(cached, {"a": 1, "b": 2}) == [{"a": 1, "b": 2}]
    assert call.invoke(cached, {"b": 2, "a": 1}) == [{"a": 1, "b": 2}]
    assert call.batch(cached, [{"a": 1, "b": 2}] * 3) == [[{"a": 1, "b": 2}]] * 3
    assert call.stream(cached, {"a": 1, "b": 2}) == [[{"a": 1, "b": 2}]]
    assert call.invoke({"x": cached} | RunnablePassthrough(), {"a": 1, "b": 2})["x"]
    assert len(f._calls) == 1
    call.invoke(cached, {"a": 1})
    assert len(f._calls) == 2


def test_of_a_batch_only_the_misses_run(cache: Any, call: Call) -> None:
    """The outputs come in the order of the inputs."""
    f = Counted()
    cached = with_cache(f, cache=cache)
    call.batch(cached, [1, 3])
    assert call.batch(cached, [1, 2, 3, 4]) == [[1], [2], [3], [4]]
    assert sorted(f._calls) == [1, 2, 3, 4]


def test_each_call_gets_a_copy_of_its_own(call: Call) -> None:
    """A caller that changes an output changes nothing for the next one."""
    cached = with_cache(Counted())
    call.invoke(cached, 1).append("changed")
    call.invoke(cached, 1).append("changed")
    assert call.invoke(cached, 1) == [1]


def test_options_and_configurable_values_count(call: Call) -> None:
    """Each value has outputs of its own; tags, metadata and names of runs do not count."""

    def f(number: int, config: Any, by: int = 1) -> int:
        return number * by + config["configurable"].get("more", 0)

    cached = RunnableLambda(f).with_cache()
    assert call.invoke(cached, 2) == 2
    assert call.invoke(cached, 2, by=3) == 6
    assert call.invoke(cached, 2, {"configurable": {"more": 5}}) == 7
    assert call.invoke(cached, 2, {"configurable": {"more": 6}, "tags": ["a"]}) == 8
    assert call.invoke(cached, 2, {"tags": ["a"], "metadata": {"id": 1}, "run_name": "x"}) == 2
    assert len(cached.cache) == 4


def test_errors_are_not_cached(cache: Any, call: Call) -> None:
    """The next call runs again."""
    flaky = Flaky(1)
    cached = RunnableLambda(flaky.call).with_cache(cache, key="flaky")
    with pytest.raises(ValueError, match="failure 1"):
        call.invoke(cached, 1)
    assert call.invoke(cached, 1) == 2


# -- streams


def test_a_stream_that_was_read_to_its_end_is_cached(cache: Any, call: Call) -> None:
    """It comes from the cache as one chunk of the same value, also for the steps after it."""
    f = Counted()
    cached = RunnableLambda(f.words).with_cache(cache, key="f")
    assert call.stream(cached, "a b c") == ["a", "b", "c"]
    assert call.stream(cached, "a b c") == ["abc"]
    assert call.invoke(cached, "a b c") == "abc"
    assert call.stream(cached | RunnableLambda(str.upper), "a b c") == ["ABC"]
    assert f._calls == ["a b c"]


def test_an_incomplete_stream_is_not_cached(cache: Any, call: Call) -> None:
    """One that was closed early, failed, or ran into a timeout runs again."""
    f = Counted()
    cached = RunnableLambda(f.words).with_cache(cache, key="f")
    call.stream(cached, "a b c", take=2)
    assert call.stream(cached, "a b c") == ["a", "b", "c"]
    late = RunnableLambda(Flaky(1).late).with_cache(cache, key="late")
    with pytest.raises(ValueError, match="failure"):
        call.stream(late, "a b")
    assert "".join(call.stream(late, "a b")) == "<a b"
    slow = ScriptedChatModel([["a", Delay(60)], "b"]).with_cache(cache, key="slow")
    with pytest.raises(StepTimeout):
        call.stream(slow.with_timeout(0.1), "hi")
    assert call.invoke(slow, "hi").text == "b"


def test_of_a_stream_that_starts_over_the_last_attempt_is_cached(call: Call) -> None:
    """The chunks that were taken back are not in it."""
    again = RunnableLambda(Flaky(1).late).with_retry(**AGAIN).with_cache(key="again")
    call.stream(again, "a b")
    assert call.invoke(again, "a b") == "<a b"


def test_a_stream_is_cached_as_its_merged_value(call: Call) -> None:
    """Snapshots and sums are not merged a second time."""

    def count(end: int) -> Iterator[int]:
        yield from range(1, end + 1)

    for merge, value in (("last", 3), (sum, 6), (len, 3)):
        cached = RunnableLambda(count, merge=merge).with_cache()
        call.stream(cached, 3)
        assert call.stream(cached, 3) == [value]
        assert call.invoke(cached | RunnableLambda(float), 3) == value
        assert call.stream(cached | RunnableLambda(float), 3) == [value]


def test_chunks_that_cannot_be_merged_are_not_cached(call: Call) -> None:
    """The consumer gets them, and no error."""

    def count(end: int) -> Iterator[int]:
        yield from range(end)

    cached = RunnableLambda(count).with_cache()
    assert call.stream(cached, 3) == call.stream(cached, 3) == [0, 1, 2]


def test_a_cached_answer_is_streamed_as_a_message_chunk(call: Call) -> None:
    """Code for the streams of models works with it."""
    model = ScriptedChatModel(["a b"]).with_cache()
    first = call.stream(model, "hi")
    again = call.stream(model, "hi")
    assert all(isinstance(chunk, AIMessageChunk) for chunk in again)
    assert sum(again[1:], again[0]).text == sum(first[1:], first[0]).text == "a b"
    assert call.stream(model | StrOutputParser(), "hi") == ["a b"]


# -- micro-batches


class RecordingEmbedding(DeterministicFakeEmbedding):
    """A model that records the strings of each request."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._requests: list[list[str]] = []

    def embed_documents(self, texts: Any) -> list[list[float]]:
        self._requests.append(list(texts))
        return super().embed_documents(texts)

    async def aembed_documents(self, texts: Any) -> list[list[float]]:
        return self.embed_documents(texts)


def test_of_a_micro_batch_only_the_misses_are_sent_each_once(cache: Any, call: Call) -> None:
    """They go in one request, and each string gets its own vector."""
    model = RecordingEmbedding(3)
    cached = model.with_cache(cache)
    plain = call.batch(DeterministicFakeEmbedding(3), ["a", "b", "c", "d"])
    call.batch(cached, ["a", "c"])
    assert call.batch(cached, ["a", "b", "c", "d", "b"]) == [*plain, plain[1]]
    assert model._requests == [["a", "c"], ["b", "d"]]
    assert call.batch(cached, ["a", "b"]) == plain[:2]
    assert len(model._requests) == 2


def test_in_a_micro_batch_a_bad_item_spoils_no_other(call: Call) -> None:
    """It fails for itself; the outputs of the others are cached."""
    model = RecordingEmbedding(3)
    cached = model.with_cache()
    outputs = call.batch(cached, ["a", 5, "b"], return_exceptions=True)
    assert isinstance(outputs[1], TypeError)
    model._requests.clear()
    assert call.batch(cached, ["a", "b"]) == [outputs[0], outputs[2]]
    assert model._requests == []


# -- which values can be cached


def cached_constant(value: Any, declared: Any) -> Any:
    return RunnableLambda(lambda _: value).with_types(output_type=declared).with_cache(key="x")


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        (None, Any),
        (float("inf"), Any),
        ({"a": [1, 2.5, True, None, "é\ud800"], "message": {"type": "ai"}}, Any),
        ({"dict": 1}, Any),
        (HumanMessage("a", id="1"), Any),
        ({"raw": AIMessage("a"), "all": [HumanMessage("b")]}, Any),
        (AIMessage("", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1"}]), Any),
        (AIMessageChunk("a"), Any),
        ({"docs": [Document("a", id="1", metadata={"tags": ["b"]}, score=0.25)]}, Any),
        (Person(name="Ada", born=date(1815, 12, 10)), Person),
        ([Person(name="Ada")], list[Person]),
        (Point(1, 2), Point),
        ((1, "a"), tuple[int, str]),
        ({1, 2}, set[int]),
        ({1: "a"}, dict[int, str]),
        (date(2024, 1, 1), date),
        ({"name": "Ada"}, Named),
        (b"a", bytes),
    ],
    ids=repr,
)
def test_a_cached_value_is_equal_to_the_first_one(value: Any, declared: Any, call: Call) -> None:
    """It has the same type, though a cache holds strings only."""
    cached = cached_constant(value, declared)
    assert call.invoke(cached, 1) == value
    again = call.invoke(cached, 1)
    assert again == value
    assert type(again) is type(value)
    assert len(cached.cache) == 1


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ((1, 2), Any),
        (Person(name="Ada"), Any),
        (Person(name="Ada"), Point),
        (Person(name="Ada"), dict[str, Any]),
        ({"in it": Person(name="Ada")}, dict[str, Any]),
        (Countess(name="Ada"), Person),
        ({1: "a"}, Any),
        (object(), Any),
        (object(), object),
        (lambda: 1, Any),
    ],
)
def test_a_value_that_cannot_be_cached_is_refused(value: Any, declared: Any, call: Call) -> None:
    """The error names it and the way out, each time."""
    cached = cached_constant(value, declared)
    for _ in range(2):
        with pytest.raises(TypeError, match="cannot be cached.*with_types"):
            call.invoke(cached, 1)
    assert len(cached.cache) == 0


def test_an_entry_of_an_earlier_type_counts_as_missing(tmp_path: Path, call: Call) -> None:
    """A value that is no longer valid is computed again."""
    cache = SQLiteCache(tmp_path / "cache.db")

    class Old(BaseModel):
        name: str

    class New(BaseModel):
        name: str
        age: int

    old = RunnableLambda(lambda _: Old(name="a")).with_types(output_type=Old)
    new = RunnableLambda(lambda _: New(name="a", age=1)).with_types(output_type=New)
    assert call.invoke(old.with_cache(cache, key="x"), 1) == Old(name="a")
    assert call.invoke(new.with_cache(cache, key="x"), 1) == New(name="a", age=1)


# -- keys


def test_runnables_of_one_cache_do_not_mix(cache: Any, call: Call) -> None:
    """Each has entries of its own; one that is made again, the same, finds them."""

    def chain(template: str, script: str) -> Any:
        model = ScriptedChatModel([script])
        prompt = ChatPromptTemplate([("human", template)])
        return (prompt | model | StrOutputParser()).with_cache(cache)

    assert call.invoke(chain("{x}", "a"), {"x": 1}) == "a"
    assert call.invoke(chain("{x}!", "b"), {"x": 1}) == "b"
    assert call.invoke(chain("{x}", "c"), {"x": 1}) == "c"
    used_up = chain("{x}", "a")
    used_up.bound.steps[1]._calls.clear()
    assert call.invoke(used_up, {"x": 1}) == "a"
    assert used_up.bound.steps[1].opened == 0


def test_the_methods_of_a_cached_model_return_a_cached_model(call: Call) -> None:
    """With tools, it has entries of its own."""
    model = ScriptedChatModel(["a", "b"]).with_cache()

    def tool(x: int) -> int:
        """Add."""
        return x

    assert call.invoke(model, "hi").text == "a"
    with_tools: Any = model.bind_tools([tool])  # type: ignore[attr-defined]  # a method of the model
    assert isinstance(with_tools, RunnableCache)
    assert call.invoke(with_tools, "hi").text == "b"
    assert call.invoke(model, "hi").text == "a"
    named: Any = ScriptedChatModel(["a", "b"]).with_cache(key="k")
    assert call.invoke(named, "hi").text == "a"
    assert call.invoke(named.bind_tools([tool]), "hi").text == "b"


def test_configured_fields_count(call: Call) -> None:
    """Another `stop` is another entry."""
    from runnables.models.fakes import ParrotFakeChatModel

    model = ParrotFakeChatModel().configurable_fields(stop=ConfigurableField(id="stop"))
    cached = model.with_cache()
    assert call.invoke(cached, "abc").text == "abc"
    config: Any = {"configurable": {"stop": ["b"]}}
    call.invoke(cached, "abc", config)
    assert len(cached.cache) == 2  # type: ignore[arg-type]  # it is in memory


def test_a_cached_runnable_is_a_value(tmp_path: Path) -> None:
    """It prints as the code that makes it, compares and pickles."""
    cached = RunnableParallel(a=str).with_cache(SQLiteCache(tmp_path / "k.db"), key="k")
    assert pickle.loads(pickle.dumps(cached)) == cached
    assert repr(RunnableLambda(len).with_cache()) == (
        "(RunnableLambda(len)).with_cache(InMemoryCache(maxsize=10000))"
    )


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: RunnableLambda(len).with_cache(True), ConfigError, "no cache for all"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: RunnableLambda(len).with_cache(key=""), ConfigError, "key="),
        (lambda: RunnableLambda(len).with_cache(ky="a"), TypeError, "key"),  # type: ignore[call-arg]  # wrong on purpose
        (lambda: ScriptedChatModel(cache=True), ConfigError, "no cache for all models"),
        (lambda: RunnableLambda(str).with_cache().invoke(iter("a")), TypeError, "plain data"),
        (lambda: RunnableLambda(iter("a").__next__).with_cache().invoke(1), TypeError, "key="),
    ],
)
def test_mistakes_are_named(make: Any, error: Any, match: str) -> None:
    """The error names the way out."""
    with pytest.raises(error, match=match):
        make()


def test_handlers_get_the_cached_run_and_none_inside_it(call: Call) -> None:
    """A model that does not run has no events."""
    model = ScriptedChatModel(["a"]).with_cache()
    call.invoke(model, "hi")
    seen = Recorder()
    call.invoke(model, "hi", seen.config)
    assert [(event.kind, event.run_type) for event in seen.events] == [
        ("start", "chain"),
        ("end", "chain"),
    ]


# -- the setting of models


USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_a_model_answers_from_its_cache(first: str, second: str, cache: Any, call: Call) -> None:
    """Whichever method was called first, and is called next."""
    model = ScriptedChatModel(["a b"], cache=cache, usage=USAGE)
    assert ways(call, model)[first]() == "a b"
    assert ways(call, model)[second]() == "a b"
    assert model.opened == model.closed == 1


def test_a_cached_answer_is_marked_and_costs_nothing(call: Call) -> None:
    """It carries the usage of the first call, which is not counted again."""
    model = ScriptedChatModel(["a b"], cache=InMemoryCache(), usage=USAGE)
    with track_usage() as usage:
        first = call.invoke(model, "hi")
        again = call.invoke(model, "hi")
        call.stream(model, "hi")
        call.invoke(model, "hi", {"callbacks": [ChunkHandler()]})
    assert "from_cache" not in first.response_metadata
    assert again.response_metadata["from_cache"] is True
    assert again.usage_metadata == first.usage_metadata == USAGE
    assert usage.calls == 1
    assert usage.total["total_tokens"] == 7


def test_the_metadata_of_messages_does_not_count(call: Call) -> None:
    """A conversation is found again though ids and usage of its messages differ."""
    model = ScriptedChatModel(["a", "b", "c"], cache=InMemoryCache(), usage=USAGE)

    def second_answer(text: str) -> str:
        first = call.invoke(model, text)
        messages = [HumanMessage(text, id=str(id(first))), first, ("human", "and?")]
        answer: str = call.invoke(model, messages).text
        return answer

    assert second_answer("hi") == second_answer("hi") == "b"
    assert model.opened == 2


def test_options_and_settings_of_a_model_count(call: Call) -> None:
    """Its name, and the policies of its requests, do not."""
    cache = InMemoryCache()

    def model(**settings: Any) -> Any:
        return ScriptedChatModel(["a b c"], cache=cache, **settings)

    call.invoke(model(), "hi")
    for same in ({"max_retries": 2}, {"name": "x"}, {"max_retry_delay": 1}):
        second = model(**same)
        call.invoke(second, "hi")
        assert second.opened == 0
    for other in ({"temperature": 1}, {"stop": ["b"]}, {"model": "m"}, {"response_metadata": {}}):
        second = model(**other)
        call.invoke(second, "hi")
        assert second.opened == 1, other
    second = model()
    call.invoke(second, "hi", temperature=0.5)
    assert second.opened == 1


def test_an_incomplete_stream_of_a_model_is_not_cached(call: Call) -> None:
    """One that was closed early, or failed, is not in the cache."""
    model = ScriptedChatModel(["a b", ["a", ValueError("x")], "c"], cache=InMemoryCache())
    call.stream(model, "hi", take=1)
    with pytest.raises(ValueError, match="x"):
        call.stream(model, "hi")
    assert call.invoke(model, "hi").text == "c"


def test_the_last_attempt_of_an_observed_call_is_cached(call: Call) -> None:
    """The chunks of an attempt that failed are not in it."""
    from runnables import ServerError
    from tests.models.test_request_policies import Quick

    script: Any = [["x", ServerError("down")], ["a", "b"]]
    model = Quick(script, cache=InMemoryCache(), max_retries=1)
    assert call.invoke(model, "hi", {"callbacks": [ChunkHandler()]}).text == "ab"
    assert call.invoke(model, "hi").text == "ab"
    assert model.opened == 2


class Full(InMemoryCache):
    """A cache without space left, as a disk may be full."""

    def set(self, key: str, text: str) -> None:
        raise OSError("no space left")

    async def aset(self, key: str, text: str) -> None:
        raise OSError("no space left")


@pytest.mark.parametrize("method", ["with_cache", "cache"])
def test_an_answer_is_not_lost_when_the_cache_is_full(
    call: Call, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets it, and the error of the cache is logged."""
    answers = ["Hello", "Hello"]
    model: Any = ScriptedChatModel(answers, cache=Full())
    if method == "with_cache":
        model = ScriptedChatModel(answers).with_cache(Full())
    assert call.invoke(model, "Hi").text == "Hello"
    assert "".join(chunk.text for chunk in call.stream(model, "Hi")) == "Hello"
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "no space left" in caplog.text
