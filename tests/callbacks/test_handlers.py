"""Handlers with a method for each event, as they are written for LangChain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from runnables import (
    AIMessage,
    AsyncCallbackHandler,
    BaseCallbackHandler,
    ChatPromptTemplate,
    ConfigError,
    DeterministicFakeEmbedding,
    HumanMessage,
    LLMResult,
    RunnableLambda,
    StrOutputParser,
    SyncAsyncError,
    adispatch_custom_event,
    dispatch_custom_event,
    tool,
    tool_call,
)
from runnables.core.handlers import Event
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

USAGE: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


class Recorder(BaseCallbackHandler):
    """Records each call of its methods, with all arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]

    def one(self, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        [found] = [(values, keywords) for called, values, keywords in self.calls if called == name]
        return found

    def _record(self, name: str, /, *values: Any, **keywords: Any) -> None:
        self.calls.append((name, values, keywords))


def _recording(name: str) -> Any:
    def record(self: Recorder, *values: Any, **keywords: Any) -> None:
        self._record(name, *values, **keywords)

    return record


NAMES = [
    f"on_{kind}_{what}"
    for kind in ("chain", "tool", "retriever", "llm")
    for what in ("start", "end", "error")
]
ALL = [*NAMES, "on_chat_model_start", "on_llm_new_token", "on_custom_event"]
Everything: Any = type("Everything", (Recorder,), {name: _recording(name) for name in ALL})


def about(answer: Any = "The sea.", **settings: Any) -> Any:
    prompt = ChatPromptTemplate([("human", "About {topic}.")])
    model = ScriptedChatModel([answer], cycle=True, usage=USAGE, **settings)
    return prompt | model | StrOutputParser()


def test_every_run_calls_the_methods_of_its_kind(call: Call) -> None:
    """Prompts and parsers are chains; the model has methods of its own."""
    handler = Everything()
    assert call.invoke(about(), "the sea", {"callbacks": [handler]}) == "The sea."
    tokens = handler.names().count("on_llm_new_token")
    assert tokens > 1
    assert handler.names() == [
        *("on_chain_start", "on_chain_start", "on_chain_end"),
        *("on_chat_model_start", *["on_llm_new_token"] * tokens, "on_llm_end"),
        *("on_chain_start", "on_chain_end", "on_chain_end"),
    ]


def test_the_start_of_a_chain_says_what_runs(call: Call) -> None:
    """With the ids as UUIDs, the name, and the tags and metadata of the config."""
    handler = Everything()
    config = {"callbacks": [handler], "tags": ["t"], "metadata": {"a": 1}, "run_name": "sea"}
    call.invoke(RunnableLambda(len), "abc", config)
    (serialized, inputs), keywords = handler.one("on_chain_start")
    assert (serialized["name"], serialized["id"][-1], inputs) == ("sea", "sea", "abc")
    assert isinstance(run_id := keywords.pop("run_id"), UUID)
    assert keywords == {
        "parent_run_id": None,
        "tags": ["t"],
        "metadata": {"a": 1},
        "name": "sea",
        "run_type": "chain",
    }
    assert handler.one("on_chain_end") == ((3,), {"run_id": run_id, **_no_parent("t")})


def _no_parent(*tags: str) -> dict[str, Any]:
    return {"parent_run_id": None, "tags": list(tags)}


def test_nested_runs_name_the_run_around_them(call: Call) -> None:
    """The parent of each step is the run of the whole chain."""
    handler = Everything()
    call.invoke(about(), "the sea", {"callbacks": [handler]})
    starts = [kw for name, _, kw in handler.calls if name.endswith("_start")]
    assert starts[0]["parent_run_id"] is None
    assert {start["parent_run_id"] for start in starts[1:]} == {starts[0]["run_id"]}


def test_a_run_id_that_is_no_uuid_stays_as_it_is(call: Call) -> None:
    """The config may set any string."""
    handler = Everything()
    call.invoke(RunnableLambda(len), "abc", {"callbacks": [handler], "run_id": "mine"})
    assert handler.one("on_chain_end")[1]["run_id"] == "mine"


def test_a_model_reports_its_messages_and_its_answer(call: Call) -> None:
    """The answer is read as people read it, with usage and the name of the model."""
    handler = Everything()
    model = ScriptedChatModel(
        ["The sea."], usage=USAGE, response_metadata={"model_name": "m-1", "finish_reason": "stop"}
    )
    call.invoke(model, "Hello", {"callbacks": [handler]})
    (_, messages), _ = handler.one("on_chat_model_start")
    assert messages == [[HumanMessage("Hello")]]
    (response,), _ = handler.one("on_llm_end")
    assert isinstance(response, LLMResult)
    answer = response.generations[0][0]
    assert answer.text == answer.message.text == "The sea."
    assert isinstance(answer.message, AIMessage) and answer.message.usage_metadata == USAGE
    assert answer.generation_info is not None
    assert answer.generation_info["finish_reason"] == "stop"
    assert response.llm_output == {
        "model_name": "m-1",
        "token_usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_tokens_come_from_streams_and_from_calls(call: Call) -> None:
    """A handler with `on_llm_new_token` gets the tokens, with their chunks."""
    for run in (call.invoke, call.stream):
        handler = Everything()
        run(about("one two"), "x", {"callbacks": [handler]})
        tokens = [(v[0], kw) for name, v, kw in handler.calls if name == "on_llm_new_token"]
        assert "".join(token for token, _ in tokens) == "one two"
        assert [kw["chunk"].text for _, kw in tokens] == [token for token, _ in tokens]
        assert [kw["chunk"].message.text for _, kw in tokens] == [token for token, _ in tokens]


class Prompts(BaseCallbackHandler):
    """Writes `on_llm_start` only."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], **kwargs: Any) -> None:
        self.prompts += prompts


class Refuses(Prompts):
    """Leaves the start of a chat model to `on_llm_start`."""

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        raise NotImplementedError


class RefusesLater(Prompts):
    """The same in async."""

    async def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        raise NotImplementedError


def test_without_on_chat_model_start_the_prompt_comes_as_text(call: Call) -> None:
    """Also where `on_chat_model_start` raises NotImplementedError."""
    handlers = [Prompts(), Refuses(), *([RefusesLater()] if call.mode == "async" else [])]
    call.invoke(about(), "the sea", {"callbacks": handlers})
    assert [handler.prompts for handler in handlers] == [["Human: About the sea."]] * len(handlers)
    assert not Prompts().wants_chunks


@tool
def double(number: int) -> int:
    """Doubles a number."""
    if number < 0:
        raise ValueError("negative")
    return number * 2


def test_a_tool_reports_its_arguments_and_its_output(call: Call) -> None:
    """A tool call is reported by its arguments and its id, a message is its output."""
    handler = Everything()
    call.invoke(double, {"number": 2}, {"callbacks": [handler]})
    (serialized, text), keywords = handler.one("on_tool_start")
    assert (serialized["name"], text, keywords["inputs"]) == (
        "double",
        "{'number': 2}",
        {"number": 2},
    )
    (output,), keywords = handler.one("on_tool_end")
    assert (output, keywords["name"]) == (4, "double")

    handler = Everything()
    request = tool_call(name="double", args={"number": 2}, id="c1")
    call.invoke(double, request, {"callbacks": [handler]})
    (_, text), keywords = handler.one("on_tool_start")
    assert (text, keywords["tool_call_id"]) == ("{'number': 2}", "c1")
    assert handler.one("on_tool_end")[0][0].text == "4"

    handler = Everything()
    with pytest.raises(ValueError, match="negative"):
        call.invoke(double, {"number": -1}, {"callbacks": [handler]})
    assert str(handler.one("on_tool_error")[0][0]) == "negative"


def test_a_tool_reports_a_string_as_it_is(call: Call) -> None:
    """It has no arguments by name."""

    @tool
    def shout(text: str) -> str:
        """Shouts."""
        return text.upper()

    handler = Everything()
    call.invoke(shout, "hi", {"callbacks": [handler]})
    (_, text), keywords = handler.one("on_tool_start")
    assert (text, keywords["inputs"]) == ("hi", None)


def test_errors_call_the_methods_of_their_kind(call: Call) -> None:
    """That of the model, and that of the chain around it."""
    handler, error = Everything(), RuntimeError("no")
    with pytest.raises(RuntimeError):
        call.invoke(about(error), "the sea", {"callbacks": [handler]})
    assert handler.one("on_llm_error")[0] == handler.one("on_chain_error")[0] == (error,)


class Retriever(RunnableLambda[Any, Any]):
    """A runnable whose runs are those of a retriever."""

    run_type = "retriever"


def test_a_retriever_has_methods_of_its_own(call: Call) -> None:
    """They follow the type of the run."""

    def find(query: str) -> list[str]:
        if not query:
            raise ValueError("no query")
        return [query]

    handler = Everything()
    assert call.invoke(Retriever(find), "sea", {"callbacks": [handler]}) == ["sea"]
    assert handler.names() == ["on_retriever_start", "on_retriever_end"]
    assert handler.one("on_retriever_start")[0][1] == "sea"
    assert handler.one("on_retriever_end")[0] == (["sea"],)
    with pytest.raises(ValueError, match="no query"):
        call.invoke(Retriever(find), "", {"callbacks": [handler]})
    assert handler.names()[-1] == "on_retriever_error"


def test_embeddings_call_no_method(call: Call) -> None:
    """LangChain has none for them."""
    handler = Everything()
    call.invoke(DeterministicFakeEmbedding(size=2), "a", {"callbacks": [handler]})
    assert handler.calls == []


def test_an_event_of_your_own_calls_its_method(call: Call) -> None:
    """With the id of the run around it, and its tags and metadata."""

    def load(path: str) -> str:
        dispatch_custom_event("loaded", {"rows": 3})
        return path

    async def aload(path: str) -> str:
        await adispatch_custom_event("loaded", {"rows": 3})
        return path

    handler = Everything()
    config = {"callbacks": [handler], "tags": ["t"], "metadata": {"a": 1}}
    call.invoke(RunnableLambda(load, aload), "a.csv", config)
    run_id = handler.one("on_chain_start")[1]["run_id"]
    assert handler.one("on_custom_event") == (
        ("loaded", {"rows": 3}),
        {"run_id": run_id, "tags": ["t"], "metadata": {"a": 1}},
    )


def test_a_stream_that_is_left_ends_as_an_error(call: Call) -> None:
    """The methods know no other end, so they receive what left it."""

    def letters(text: str) -> Iterator[str]:
        yield from text

    handler = Everything()
    assert call.stream(RunnableLambda(letters), "abc", {"callbacks": [handler]}, take=1) == ["a"]
    [error] = handler.one("on_chain_error")[0]
    assert not isinstance(error, Exception)
    assert "on_chain_end" not in handler.names()


def test_a_cancelled_run_ends_as_an_error() -> None:
    """The error is the CancelledError."""
    handler, started = Everything(), asyncio.Event()

    async def wait(_: str) -> None:
        started.set()
        await asyncio.Event().wait()

    async def main() -> None:
        run = asyncio.create_task(RunnableLambda(wait).ainvoke("a", {"callbacks": [handler]}))
        await started.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())
    assert isinstance(handler.one("on_chain_error")[0][0], asyncio.CancelledError)


# -- what is left out


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ("ignore_llm", {"on_chain_start", "on_chain_end", "on_chat_model_start"}),
        ("ignore_chat_model", {*ALL} - {"on_chat_model_start"}),
        ("ignore_chain", {"on_chat_model_start", "on_llm_new_token", "on_llm_end"}),
    ],
)
def test_what_a_handler_ignores_is_not_called(ignored: str, left: set[str], call: Call) -> None:
    """By an attribute of the class or a property; a model that is ignored is not streamed."""
    for value in (True, property(lambda _: True)):
        handler = type("Ignores", (Everything,), {ignored: value})()
        call.invoke(about(), "the sea", {"callbacks": [handler]})
        assert {*handler.names()} <= left
        assert handler.names()
        assert handler.wants_chunks == (ignored != "ignore_llm")


def test_methods_that_no_event_calls_are_taken(call: Call) -> None:
    """A class may write them, as LangChain's own do."""
    unused = ("on_text", "on_retry", "on_agent_action", "on_agent_finish")
    handler: Any = type("Old", (Recorder,), {name: _recording(name) for name in unused})()
    call.invoke(about(), "the sea", {"callbacks": [handler]})
    assert handler.calls == []
    assert handler._methods == {}


def test_a_method_with_a_typo_is_refused_when_the_class_is_made() -> None:
    """It would never be called. Other names of one's own are not looked at."""
    with pytest.raises(TypeError, match="on_llm_new_tokens.*Did you mean on_llm_new_token?"):
        type("Typo", (BaseCallbackHandler,), {"on_llm_new_tokens": print})
    type("Own", (BaseCallbackHandler,), {"on_progress": print, "on_chat_start": print})


def test_a_class_may_take_its_methods_from_another_base(call: Call) -> None:
    """The first base that writes a method counts, as everywhere in Python."""

    class Mixin:
        ended: Any = None

        def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
            self.ended = outputs

    class Mixed(Mixin, BaseCallbackHandler):
        pass

    handler = Mixed()
    call.invoke(RunnableLambda(len), "abc", {"callbacks": [handler]})
    assert handler.ended == 3


def test_a_subclass_may_still_write_on_event(call: Call) -> None:
    """Then that is what is called, and the others are its own affair."""

    class Both(Recorder):
        def on_event(self, event: Event, /) -> None:
            self._record(event.kind)
            super().on_event(event)

        def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
            self._record("on_chain_end")

    handler = Both()
    call.invoke(RunnableLambda(len), "abc", {"callbacks": [handler]})
    assert handler.names() == ["start", "end", "on_chain_end"]


# -- async methods, and errors


class Awaits(AsyncCallbackHandler):
    """Awaits in its methods, and calls those of the base class."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        await super().on_chain_start(serialized, inputs, **kwargs)
        await asyncio.sleep(0)
        self.seen.append(inputs)

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.seen.append(outputs)


def test_async_methods_are_awaited_and_sync_ones_called() -> None:
    """In their order, before the run goes on."""
    handler = Awaits()
    assert asyncio.run(RunnableLambda(len).ainvoke("abc", {"callbacks": [handler]})) == 3
    assert handler.seen == ["abc", 3]


def test_a_handler_with_an_async_method_is_refused_by_a_sync_call() -> None:
    """Before anything has run, with the way out; one whose methods are sync is not."""

    class Mixed(BaseCallbackHandler):
        async def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
            raise AssertionError

    ran: list[int] = []
    for handler in (Awaits(), Mixed()):
        with pytest.raises(SyncAsyncError, match="Use the async call"):
            RunnableLambda(ran.append).invoke(1, {"callbacks": [handler]})
    assert ran == []

    class Sync(AsyncCallbackHandler):
        ended: Any = None

        def on_chain_end(self, outputs: Any, **kwargs: Any) -> Any:
            self.ended = outputs

    sync = Sync()
    RunnableLambda(len).invoke("abc", {"callbacks": [sync]})
    assert sync.ended == 3


def test_an_error_in_a_method_is_logged_or_raised(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """As with `on_event`: the first one is logged, unless `raise_error` is set."""

    class Fails(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            raise ValueError("own")

    with caplog.at_level(logging.WARNING, "runnables"):
        assert call.invoke(RunnableLambda(len), "abc", {"callbacks": [Fails()]}) == 3
    assert "further errors" in caplog.text

    class Raises(Fails):
        raise_error = True

    with pytest.raises(ValueError, match="own"):
        call.invoke(RunnableLambda(len), "abc", {"callbacks": [Raises()]})


def test_not_implemented_in_another_method_is_an_error(call: Call) -> None:
    """It only has a meaning for `on_chat_model_start`."""

    class Raises(BaseCallbackHandler):
        raise_error = True

        def on_llm_start(self, serialized: Any, prompts: Any, **kwargs: Any) -> None:
            raise NotImplementedError("mine")

    with pytest.raises(NotImplementedError, match="mine"):
        call.invoke(about(), "the sea", {"callbacks": [Raises()]})


def test_the_input_of_a_model_is_left_alone(call: Call) -> None:
    """An iterator is not read; what is no conversation is the model's own error."""
    handler = Everything()
    model = ScriptedChatModel(["Ahoy!"], cycle=True)
    assert call.invoke(model, iter([HumanMessage("Hi")]), {"callbacks": [handler]}).text == "Ahoy!"
    assert handler.one("on_chat_model_start")[0][1] == [[]]
    with pytest.raises(ConfigError):
        call.invoke(model, [], {"callbacks": [handler]})
    assert handler.names()[-1] == "on_llm_error"


@pytest.mark.parametrize(
    ("callbacks", "way_out"),
    [
        (Recorder(), r"Write: callbacks=\[handler\]"),
        (type("CallbackManager", (), {"handlers": [Recorder()]})(), "callbacks=manager.handlers"),
        ([object()], "runnables.BaseCallbackHandler"),
        ([Recorder], "is a class"),
    ],
)
def test_what_is_no_list_of_handlers_is_refused(callbacks: Any, way_out: str, call: Call) -> None:
    """With what to write, in a config, a binding and the constructor of a model."""
    with pytest.raises(ConfigError, match=way_out):
        call.invoke(RunnableLambda(len), "abc", {"callbacks": callbacks})
    with pytest.raises(ConfigError, match=way_out):
        call.invoke(RunnableLambda(len).with_config(callbacks=callbacks), "abc")
    with pytest.raises(ConfigError, match=way_out):
        ScriptedChatModel(callbacks=callbacks)


def test_printing_handlers_print(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Tokens as they come; chains and what tools return."""
    from runnables import StdOutCallbackHandler, StreamingStdOutCallbackHandler

    call.invoke(about("one two"), "x", {"callbacks": [StreamingStdOutCallbackHandler()]})
    assert capsys.readouterr().out == "one two"
    call.invoke(double | str, {"number": 2}, {"callbacks": [StdOutCallbackHandler()]})
    out = capsys.readouterr().out
    assert "RunnableSequence chain" in out and "\n4\n" in out and "Finished" in out
