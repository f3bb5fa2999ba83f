"""Pages of the same process get plain strings of any chain: the new text, or all of it so far."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import aclosing, closing
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from runnables import (
    DELTAS,
    RESET,
    SNAPSHOTS,
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    CustomMerge,
    HumanMessage,
    JsonOutputParser,
    MessagesPlaceholder,
    RateLimitError,
    RunnableGenerator,
    RunnableParallel,
    Stream,
    StrOutputParser,
    convert_to_messages,
    create_agent,
    growing_text,
    merge_chunks,
    text_stream,
)
from runnables.engine.stream import StreamInfo
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.agents.tills import Till, asks as pays
from tests.both_modes import Call
from tests.serving.chains import add, asks

Adapter = Callable[[Any], Any]


def strings(
    call: Call, adapter: Adapter, chain: Any, value: Any = "x", take: int | None = None
) -> list[str]:
    """Return the strings that an adapter makes of a stream, which it leaves after `take`."""

    def sync() -> list[str]:
        with closing(adapter(chain.stream(value))) as strings:
            return list(islice(strings, take))

    async def coroutine() -> list[str]:
        found: list[str] = []
        async with aclosing(adapter(chain.astream(value))) as strings:
            async for text in strings:
                found.append(text)
                if len(found) == take:
                    break
        return found

    return call.run(sync, coroutine)


def model(*script: Any) -> ScriptedChatModel:
    return ScriptedChatModel([list(script)])


def generator(*chunks: Any, **options: Any) -> Any:
    """Return a chain of these chunks."""

    def generate(inputs: Any) -> Any:
        yield from chunks

    return RunnableGenerator(generate, **options)


def test_the_text_of_a_model_comes_as_it_is_written(call: Call) -> None:
    """Chunks of messages and chunks of strings are alike; chunks without text are left out."""
    script = ("The ", AIMessageChunk(""), "tide")
    assert strings(call, text_stream, model(*script)) == ["The ", "tide"]
    assert strings(call, growing_text, model(*script)) == ["The ", "The tide"]
    assert strings(call, text_stream, model(*script) | StrOutputParser()) == ["The ", "tide"]
    assert strings(call, growing_text, model(*script) | StrOutputParser()) == ["The ", "The tide"]


def test_reasoning_and_tool_calls_are_not_shown(call: Call) -> None:
    """Only text is."""
    assert strings(call, text_stream, ScriptedChatModel([asks()])) == ["Let me add."]


@pytest.mark.parametrize("adapter", [text_stream, growing_text])
def test_an_answer_without_text_is_one_empty_string(call: Call, adapter: Adapter) -> None:
    """So that what waits for a string gets one."""
    for chain in (model(""), generator(), model(AIMessageChunk(""))):
        assert strings(call, adapter, chain) == [""]


def test_an_agent_shows_what_it_says_after_the_last_question(call: Call) -> None:
    """The conversation that it was given, and results of tools, are not part of its answer."""
    history = [HumanMessage("Hi"), AIMessage("Hello."), HumanMessage("What is 1 + 2?")]

    def agent() -> Any:
        return create_agent(ScriptedChatModel([asks(), "It is 3."]), [add])

    found = strings(call, text_stream, agent(), {"messages": history})
    assert found[:2] == ["Let me add.", "\n\nIt"]
    assert "".join(found) == "Let me add.\n\nIt is 3."
    assert strings(call, growing_text, agent(), {"messages": history})[-1] == "".join(found)


class Sum(BaseModel):
    """An answer with a type."""

    result: int


def test_other_values_are_json(call: Call) -> None:
    """A snapshot of JSON grows; as new text it comes whole, since it cannot be taken back."""
    script = ['{"a": [1', ", 2]}"]
    chain = ScriptedChatModel([script], cycle=True) | JsonOutputParser()
    assert strings(call, text_stream, chain) == ['{"a":[1,2]}']
    assert strings(call, growing_text, chain)[-1] == '{"a":[1,2]}'
    assert len(strings(call, growing_text, chain)) > 1
    both: Any = RunnableParallel(a=generator("x", "y"), b=generator(Sum(result=1), merge="last"))
    assert strings(call, text_stream, both) == ['{"a":"xy","b":{"result":1}}']
    assert strings(call, growing_text, both) == ['{"a":"xy","b":{"result":1}}']


@pytest.mark.parametrize("make", [str, AIMessage], ids=["strings", "messages"])
def test_text_that_is_replaced_is_not_shown_twice(call: Call, make: Any) -> None:
    """Snapshots replace what is shown, and come whole where nothing can be replaced."""
    chain = generator(make("Fo"), make("A fox"), merge="last")
    assert strings(call, text_stream, chain) == ["A fox"]
    assert strings(call, growing_text, chain) == ["Fo", "A fox"]


def test_text_with_a_merge_of_its_own_comes_at_the_end(call: Call) -> None:
    """Only the function knows what its chunks make."""
    chain = generator("b", "a", merge=lambda chunks: "".join(sorted(chunks)))
    assert strings(call, text_stream, chain) == ["ab"]
    assert strings(call, growing_text, chain) == ["ab"]


MERGES = [DELTAS, SNAPSHOTS, CustomMerge(lambda chunks: "".join(sorted(chunks)))]


def restarting(*chunks: Any) -> Any:
    """Return a chain whose stream fails after its first chunk, and starts over with these."""
    first = ScriptedChatModel([["One ", RateLimitError("later")]], cycle=True)
    fallback = ScriptedChatModel([list(chunks)], cycle=True)
    return (first | StrOutputParser()).with_fallbacks(
        [fallback | StrOutputParser()], on_restart="restart"
    )


def test_a_stream_that_starts_over_shows_one_answer(call: Call) -> None:
    """Growing text begins anew; new text waits for the end."""
    assert strings(call, text_stream, restarting("Two ", "three")) == ["Two three"]
    assert strings(call, growing_text, restarting("Two ", "three")) == ["One ", "Two ", "Two three"]
    assert strings(call, growing_text, restarting("")) == ["One ", ""]


@given(st.lists(st.sampled_from(["a", "b ", "", RESET]), max_size=6), st.sampled_from(MERGES))
def test_both_adapters_end_with_the_text_of_the_whole(chunks: list[Any], merge: Any) -> None:
    """New text adds up to it, growing text ends with it, and no string is shown twice in a row."""

    def stream() -> Stream[Any]:
        return Stream((chunk for chunk in chunks), StreamInfo(merge, may_restart=True))

    accumulator = merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    whole = "" if accumulator.empty else accumulator.value()
    assert "".join(text_stream(stream())) == whole
    growing = list(growing_text(stream()))
    assert growing[-1] == whole
    assert all(first != second for first, second in pairwise(growing))


@pytest.mark.parametrize("adapter", [text_stream, growing_text])
@pytest.mark.parametrize("said", ["I will pay.", ""])
def test_an_agent_that_asks_for_approval_ends_with_its_text(
    call: Call, adapter: Adapter, said: str
) -> None:
    """The call does not run, and the request is no text."""
    till = Till()
    agent = till.agent(AIMessage(said, tool_calls=pays(a=900).tool_calls), "Paid.")
    found = strings(call, adapter, agent, "Pay.")
    assert (found[-1] if adapter is growing_text else "".join(found)) == said
    assert till.ran == []


@pytest.mark.parametrize("adapter", [text_stream, growing_text])
def test_leaving_closes_the_request_of_the_model(call: Call, adapter: Adapter) -> None:
    """The upstream request is closed when closing returns."""
    upstream = model("One ", Delay(1000), "two")
    assert strings(call, adapter, upstream | StrOutputParser(), take=1) == ["One "]
    assert (upstream.opened, upstream.closed) == (1, 1)


@pytest.mark.parametrize("adapter", [text_stream, growing_text])
async def test_a_loop_that_is_left_closes_the_request_of_the_model(adapter: Adapter) -> None:
    """Also without `with`, sync and async, as pages write it."""
    upstream = model("One ", "two")
    for _ in adapter(upstream.stream("x")):
        break
    assert upstream.closed == 1
    upstream = model("One ", Delay(1000), "two")
    async for _ in adapter(upstream.astream("x")):
        break
    assert upstream.closed == 1


@pytest.mark.parametrize("adapter", [text_stream, growing_text])
def test_an_error_comes_after_the_text_before_it(call: Call, adapter: Adapter) -> None:
    """The page shows what there was, and gets the error itself."""
    chain = model("One ", RateLimitError("later"))
    found: list[str] = []

    def sync() -> None:
        for text in adapter(chain.stream("x")):
            found.append(text)

    async def coroutine() -> None:
        async for text in adapter(chain.astream("x")):
            found.append(text)

    with pytest.raises(RateLimitError, match="later"):
        call.run(sync, coroutine)
    assert found == ["One "]
    assert chain.closed == 1


def test_the_streams_say_how_their_strings_merge(call: Call) -> None:
    """So they are streams like any other: the next step of a generator reads them."""
    chunks = ["a", "b"]
    assert merge_chunks(chunks, text_stream(chunks).merge) == "ab"
    assert merge_chunks(list(growing_text(chunks)), growing_text(chunks).merge) == "ab"


@pytest.mark.parametrize("value", ["text", {"a": 1}, AIMessage("Hi"), 1, model("Hi"), None])
@pytest.mark.parametrize("adapter", [text_stream, growing_text])
def test_what_is_no_stream_is_refused_at_once(adapter: Adapter, value: Any) -> None:
    """The error says what to write."""
    with pytest.raises(TypeError, match=rf"{adapter.__name__}\(chain.stream\(...\)\)"):
        adapter(value)


_REST = {"metadata": None, "options": None}
GRADIO = [
    {"role": "user", "content": [{"text": "Hi", "type": "text"}], **_REST},
    {"role": "assistant", "content": [{"text": "Hello", "type": "text"}], **_REST},
]
"""What the page of Gradio 6.31 passes as `history`."""

GRADIO_API = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
"""What its API passes; Streamlit's pages, too, keep such dicts, by their own examples."""


@pytest.mark.parametrize("history", [GRADIO, GRADIO_API])
def test_the_history_of_a_page_goes_into_a_chain_as_it_is(call: Call, history: Any) -> None:
    """A model, an agent and a placeholder of a prompt take it; `convert_to_messages` reads it."""
    said = [message.text for message in convert_to_messages(history)]
    assert said == ["Hi", "Hello"]
    conversation = [*history, {"role": "user", "content": "And now?"}]
    upstream = ScriptedChatModel(["Now."], cycle=True)
    prompt = ChatPromptTemplate([MessagesPlaceholder("history"), ("user", "{question}")])
    inputs = [
        (upstream, conversation),
        (create_agent(upstream), {"messages": conversation}),
        (prompt | upstream, {"history": history, "question": "And now?"}),
    ]
    for number, (chain, value) in enumerate(inputs):
        assert strings(call, growing_text, chain, value)[-1] == "Now."
        messages = upstream.calls[number].messages
        assert [message.text for message in messages] == ["Hi", "Hello", "And now?"]
        assert [message.type for message in messages] == ["human", "ai", "human"]
        assert not any(message.additional_kwargs for message in messages)


def test_pages_of_the_same_process_need_no_server() -> None:
    """The adapters load none of the packages of the extra `serve`."""
    code = (
        "import sys\nfrom runnables import growing_text, text_stream\n"
        "list(text_stream(['a'])), list(growing_text(['a']))\n"
        "print(*{'starlette', 'uvicorn', 'anyio'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
