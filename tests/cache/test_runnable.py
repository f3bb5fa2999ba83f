"""A runnable whose outputs are kept: what runs again, what is given, what is refused."""

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
from tests.models.test_request_policies import WAYS, Watches, ways


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

    def __call__(self, it: Any) -> Any:
        self._calls.append(it)
        return [it]

    def words(self, it: str) -> Iterator[str]:
        self._calls.append(it)
        yield from it.split(" ")


def cached(function: Any, **options: Any) -> Any:
    return RunnableLambda(function).with_cache(options.pop("cache", None), key="f", **options)


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """One of each kind."""
    return InMemoryCache() if request.param == "memory" else SQLiteCache(tmp_path / "kept.db")


def test_equal_inputs_run_once(cache: Any, call: Call) -> None:
    """Whole, in a batch, in pieces, in a parallel: one call, and the same value each time."""
    f = Counted()
    kept = cached(f, cache=cache)
    assert call.invoke(kept, {"a": 1, "b": 2}) == [{"a": 1, "b": 2}]
    assert call.invoke(kept, {"b": 2, "a": 1}) == [{"a": 1, "b": 2}]
    assert call.batch(kept, [{"a": 1, "b": 2}] * 3) == [[{"a": 1, "b": 2}]] * 3
    assert call.stream(kept, {"a": 1, "b": 2}) == [[{"a": 1, "b": 2}]]
    assert call.invoke({"x": kept} | RunnablePassthrough(), {"a": 1, "b": 2})["x"]
    assert len(f._calls) == 1
    call.invoke(kept, {"a": 1})
    assert len(f._calls) == 2


def test_of_a_batch_only_the_misses_run(cache: Any, call: Call) -> None:
    """In the order of the inputs."""
    f = Counted()
    kept = cached(f, cache=cache)
    call.batch(kept, [1, 3])
    assert call.batch(kept, [1, 2, 3, 4]) == [[1], [2], [3], [4]]
    assert sorted(f._calls) == [1, 2, 3, 4]


def test_a_value_that_was_kept_is_nobodys(call: Call) -> None:
    """Who changes what was given changes nothing for the next."""
    kept = cached(Counted())
    call.invoke(kept, 1).append("changed")
    call.invoke(kept, 1).append("changed")
    assert call.invoke(kept, 1) == [1]


def test_options_and_configurable_values_count(call: Call) -> None:
    """Each has outputs of its own; tags, metadata and names of a run do not matter."""

    def f(it: int, config: Any, by: int = 1) -> int:
        return it * by + config["configurable"].get("more", 0)

    kept = RunnableLambda(f).with_cache()
    assert call.invoke(kept, 2) == 2
    assert call.invoke(kept, 2, by=3) == 6
    assert call.invoke(kept, 2, {"configurable": {"more": 5}}) == 7
    assert call.invoke(kept, 2, {"configurable": {"more": 6}, "tags": ["a"]}) == 8
    assert call.invoke(kept, 2, {"tags": ["a"], "metadata": {"id": 1}, "run_name": "x"}) == 2
    assert len(kept.cache) == 4


def test_errors_are_not_kept(cache: Any, call: Call) -> None:
    """The next call runs again."""
    flaky = Flaky(1)
    kept = RunnableLambda(flaky.call).with_cache(cache, key="flaky")
    with pytest.raises(ValueError, match="failure 1"):
        call.invoke(kept, 1)
    assert call.invoke(kept, 1) == 2


# -- streams


def test_a_stream_that_was_read_to_its_end_is_kept(cache: Any, call: Call) -> None:
    """Given again as one chunk, which adds up to the same, also in the steps behind."""
    f = Counted()
    kept = RunnableLambda(f.words).with_cache(cache, key="f")
    assert call.stream(kept, "a b c") == ["a", "b", "c"]
    assert call.stream(kept, "a b c") == ["abc"]
    assert call.invoke(kept, "a b c") == "abc"
    assert call.stream(kept | RunnableLambda(str.upper), "a b c") == ["ABC"]
    assert f._calls == ["a b c"]


def test_a_stream_that_was_left_or_failed_is_not_kept(cache: Any, call: Call) -> None:
    """Nor one that is given up by a time limit."""
    f = Counted()
    kept = RunnableLambda(f.words).with_cache(cache, key="f")
    call.stream(kept, "a b c", take=2)
    assert call.stream(kept, "a b c") == ["a", "b", "c"]
    late = RunnableLambda(Flaky(1).late).with_cache(cache, key="late")
    with pytest.raises(ValueError, match="failure"):
        call.stream(late, "a b")
    assert "".join(call.stream(late, "a b")) == "<a b"
    slow = ScriptedChatModel([["a", Delay(60)], "b"]).with_cache(cache, key="slow")
    with pytest.raises(StepTimeout):
        call.stream(slow.with_timeout(0.1), "hi")
    assert call.invoke(slow, "hi").text == "b"


def test_of_a_stream_that_starts_over_the_last_try_is_kept(call: Call) -> None:
    """What was taken back is not part of it."""
    again = RunnableLambda(Flaky(1).late).with_retry(**AGAIN).with_cache(key="again")
    call.stream(again, "a b")
    assert call.invoke(again, "a b") == "<a b"


def test_snapshots_and_other_merges_are_kept_as_their_value(call: Call) -> None:
    """A sum is not summed again."""

    def count(it: int) -> Iterator[int]:
        yield from range(1, it + 1)

    for merge, value in (("last", 3), (sum, 6), (len, 3)):
        kept = RunnableLambda(count, merge=merge).with_cache()
        call.stream(kept, 3)
        assert call.stream(kept, 3) == [value]
        assert call.invoke(kept | RunnableLambda(float), 3) == value
        assert call.stream(kept | RunnableLambda(float), 3) == [value]


def test_chunks_without_a_merge_are_not_kept(call: Call) -> None:
    """Their consumer gets them, and no error."""

    def count(it: int) -> Iterator[int]:
        yield from range(it)

    kept = RunnableLambda(count).with_cache()
    assert call.stream(kept, 3) == call.stream(kept, 3) == [0, 1, 2]


def test_an_answer_comes_again_as_a_chunk_of_a_message(call: Call) -> None:
    """So that code for streams of models goes on working."""
    model = ScriptedChatModel(["a b"]).with_cache()
    first = call.stream(model, "hi")
    again = call.stream(model, "hi")
    assert all(isinstance(it, AIMessageChunk) for it in again)
    assert sum(again[1:], again[0]).text == sum(first[1:], first[0]).text == "a b"
    assert call.stream(model | StrOutputParser(), "hi") == ["a b"]


# -- groups


class Sent(DeterministicFakeEmbedding):
    """Remembers what was sent together."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._sent: list[list[str]] = []

    def embed_documents(self, texts: Any) -> list[list[float]]:
        self._sent.append(list(texts))
        return super().embed_documents(texts)

    async def aembed_documents(self, texts: Any) -> list[list[float]]:
        return self.embed_documents(texts)


def test_of_a_group_only_the_misses_are_sent_each_once(cache: Any, call: Call) -> None:
    """In one request, and the vectors are those of the texts."""
    model = Sent(3)
    kept = model.with_cache(cache)
    plain = call.batch(DeterministicFakeEmbedding(3), ["a", "b", "c", "d"])
    call.batch(kept, ["a", "c"])
    assert call.batch(kept, ["a", "b", "c", "d", "b"]) == [*plain, plain[1]]
    assert model._sent == [["a", "c"], ["b", "d"]]
    assert call.batch(kept, ["a", "b"]) == plain[:2]
    assert len(model._sent) == 2


def test_in_a_group_a_bad_item_spoils_no_other(call: Call) -> None:
    """It fails for itself; the others are kept."""
    model = Sent(3)
    kept = model.with_cache()
    outputs = call.batch(kept, ["a", 5, "b"], return_exceptions=True)
    assert isinstance(outputs[1], TypeError)
    model._sent.clear()
    assert call.batch(kept, ["a", "b"]) == [outputs[0], outputs[2]]
    assert model._sent == []


# -- what can be kept


def give(value: Any, declared: Any) -> Any:
    return RunnableLambda(lambda it: value).with_types(output_type=declared).with_cache(key="x")


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
def test_these_come_back_as_they_were(value: Any, declared: Any, call: Call) -> None:
    """Of the same type, in a cache that holds text only."""
    kept = give(value, declared)
    assert call.invoke(kept, 1) == value
    again = call.invoke(kept, 1)
    assert again == value
    assert type(again) is type(value)
    assert len(kept.cache) == 1


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
def test_these_are_refused(value: Any, declared: Any, call: Call) -> None:
    """Named, with the way out; nothing else is given next time."""
    kept = give(value, declared)
    for _ in range(2):
        with pytest.raises(TypeError, match="cannot keep.*with_types"):
            call.invoke(kept, 1)
    assert len(kept.cache) == 0


def test_a_type_that_has_changed_is_asked_for_again(tmp_path: Path, call: Call) -> None:
    """What is no longer valid is not there."""
    cache = SQLiteCache(tmp_path / "kept.db")

    class Old(BaseModel):
        name: str

    class New(BaseModel):
        name: str
        age: int

    old = RunnableLambda(lambda it: Old(name="a")).with_types(output_type=Old)
    new = RunnableLambda(lambda it: New(name="a", age=1)).with_types(output_type=New)
    assert call.invoke(old.with_cache(cache, key="x"), 1) == Old(name="a")
    assert call.invoke(new.with_cache(cache, key="x"), 1) == New(name="a", age=1)


# -- whose outputs they are


def test_runnables_of_one_cache_do_not_mix(cache: Any, call: Call) -> None:
    """Each has its own, by its configuration; the same one made anew finds what was kept."""

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


def test_methods_make_the_same_with_a_cache(call: Call) -> None:
    """A model with tools has answers of its own."""
    model = ScriptedChatModel(["a", "b"]).with_cache()

    def tool(x: int) -> int:
        """Add."""
        return x

    assert call.invoke(model, "hi").text == "a"
    with_tools: Any = model.bind_tools([tool])  # type: ignore[attr-defined]  # lent by the model
    assert isinstance(with_tools, RunnableCache)
    assert call.invoke(with_tools, "hi").text == "b"
    assert call.invoke(model, "hi").text == "a"
    named: Any = ScriptedChatModel(["a", "b"]).with_cache(key="k")
    assert call.invoke(named, "hi").text == "a"
    assert call.invoke(named.bind_tools([tool]), "hi").text == "b"


def test_fields_that_are_configured_count(call: Call) -> None:
    """Another stop, another answer."""
    from runnables.models.fakes import ParrotFakeChatModel

    model = ParrotFakeChatModel().configurable_fields(stop=ConfigurableField(id="stop"))
    kept = model.with_cache()
    assert call.invoke(kept, "abc").text == "abc"
    config: Any = {"configurable": {"stop": ["b"]}}
    call.invoke(kept, "abc", config)
    assert len(kept.cache) == 2  # type: ignore[arg-type]  # it is in memory


def test_it_is_a_value(tmp_path: Path) -> None:
    """It prints as the code that makes it, compares and pickles."""
    kept = RunnableParallel(a=str).with_cache(SQLiteCache(tmp_path / "k.db"), key="k")
    assert pickle.loads(pickle.dumps(kept)) == kept
    assert repr(RunnableLambda(len).with_cache()) == (
        "(RunnableLambda(len)).with_cache(InMemoryCache(maxsize=10000))"
    )


@pytest.mark.parametrize(
    ("made", "error", "match"),
    [
        (lambda: RunnableLambda(len).with_cache(True), ConfigError, "no cache for all"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: RunnableLambda(len).with_cache(key=""), ConfigError, "key="),
        (lambda: RunnableLambda(len).with_cache(ky="a"), TypeError, "key"),  # type: ignore[call-arg]  # wrong on purpose
        (lambda: ScriptedChatModel(cache=True), ConfigError, "no cache for all models"),
        (lambda: RunnableLambda(str).with_cache().invoke(iter("a")), TypeError, "plain data"),
        (lambda: RunnableLambda(iter("a").__next__).with_cache().invoke(1), TypeError, "key="),
    ],
)
def test_slips_are_named(made: Any, error: Any, match: str) -> None:
    """With the way out."""
    with pytest.raises(error, match=match):
        made()


def test_watchers_see_the_run_and_no_run_inside_where_it_was_kept(call: Call) -> None:
    """The model that does not run is not told of."""
    model = ScriptedChatModel(["a"]).with_cache()
    call.invoke(model, "hi")
    seen = Recorder()
    call.invoke(model, "hi", seen.config)
    assert [(it.kind, it.run_type) for it in seen.events] == [("start", "chain"), ("end", "chain")]


# -- the setting of models


USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_a_model_answers_from_its_cache(first: str, second: str, cache: Any, call: Call) -> None:
    """However it was asked first, and is asked again."""
    model = ScriptedChatModel(["a b"], cache=cache, usage=USAGE)
    assert ways(call, model)[first]() == "a b"
    assert ways(call, model)[second]() == "a b"
    assert model.opened == model.closed == 1


def test_an_answer_from_the_cache_says_so_and_costs_nothing(call: Call) -> None:
    """Its usage is that of the first time, marked; who counts does not count it again."""
    model = ScriptedChatModel(["a b"], cache=InMemoryCache(), usage=USAGE)
    with track_usage() as usage:
        first = call.invoke(model, "hi")
        again = call.invoke(model, "hi")
        call.stream(model, "hi")
        call.invoke(model, "hi", {"callbacks": [Watches()]})
    assert "from_cache" not in first.response_metadata
    assert again.response_metadata["from_cache"] is True
    assert again.usage_metadata == first.usage_metadata == USAGE
    assert usage.calls == 1
    assert usage.total["total_tokens"] == 7


def test_a_question_is_the_same_with_other_facts_about_it(call: Call) -> None:
    """A second turn is found again, though ids and usage of the first differ; texts count."""
    model = ScriptedChatModel(["a", "b", "c"], cache=InMemoryCache(), usage=USAGE)

    def talk(text: str) -> str:
        first = call.invoke(model, text)
        said = [HumanMessage(text, id=str(id(first))), first, ("human", "and?")]
        answer: str = call.invoke(model, said).text
        return answer

    assert talk("hi") == talk("hi") == "b"
    assert model.opened == 2


def test_options_and_settings_of_a_model_count(call: Call) -> None:
    """But not how it is asked: retries, limits, its name."""
    cache = InMemoryCache()

    def model(**settings: Any) -> Any:
        return ScriptedChatModel(["a b c"], cache=cache, **settings)

    call.invoke(model(), "hi")
    for same in ({"max_retries": 2}, {"name": "x"}, {"max_retry_delay": 1}):
        asked = model(**same)
        call.invoke(asked, "hi")
        assert asked.opened == 0
    for other in ({"temperature": 1}, {"stop": ["b"]}, {"model": "m"}, {"response_metadata": {}}):
        asked = model(**other)
        call.invoke(asked, "hi")
        assert asked.opened == 1, other
    asked = model()
    call.invoke(asked, "hi", temperature=0.5)
    assert asked.opened == 1


def test_a_stream_of_a_model_that_was_left_is_not_kept(call: Call) -> None:
    """Nor one that failed; nor an answer that is none."""
    model = ScriptedChatModel(["a b", ["a", ValueError("x")], "c"], cache=InMemoryCache())
    call.stream(model, "hi", take=1)
    with pytest.raises(ValueError, match="x"):
        call.stream(model, "hi")
    assert call.invoke(model, "hi").text == "c"


def test_the_last_attempt_is_what_is_kept_of_a_watched_call(call: Call) -> None:
    """Pieces of an attempt that failed are not in it."""
    from runnables import ServerError
    from tests.models.test_request_policies import Quick

    script: Any = [["x", ServerError("down")], ["a", "b"]]
    model = Quick(script, cache=InMemoryCache(), max_retries=1)
    assert call.invoke(model, "hi", {"callbacks": [Watches()]}).text == "ab"
    assert call.invoke(model, "hi").text == "ab"
    assert model.opened == 2


class Full(InMemoryCache):
    """A cache that has no room, as a disk may have none."""

    def set(self, key: str, text: str) -> None:
        raise OSError("no space left")

    async def aset(self, key: str, text: str) -> None:
        raise OSError("no space left")


@pytest.mark.parametrize("kept", ["with_cache", "cache"])
def test_an_answer_that_cannot_be_kept_for_lack_of_room_is_not_lost(
    call: Call, kept: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = ScriptedChatModel(["Hello", "Hello"])
    model = (
        made.with_cache(Full())
        if kept == "with_cache"
        else ScriptedChatModel(["Hello", "Hello"], cache=Full())
    )
    assert call.invoke(model, "Hi").text == "Hello"
    assert "".join(it.text for it in call.stream(model, "Hi")) == "Hello"
    assert [it.levelname for it in caplog.records] == ["WARNING", "WARNING"]
    assert "no space left" in caplog.text
