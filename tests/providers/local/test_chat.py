"""The local chat model: the real one, from prompt to parser, sync and async."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    ConfigError,
    StrOutputParser,
    WeightsError,
    init_chat_model,
    track_usage,
)
from runnables_providers.local import LocalChatModel
from runnables_providers.local.fetching import fetch

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]

PROMPT = ChatPromptTemplate.from_template("What is the capital of {country}?")
STORY = "Write a very long story about a fox."


def test_a_chain_answers(call: Any, model: LocalChatModel) -> None:
    """Prompt, model and parser return the expected string."""
    chain = PROMPT | model | StrOutputParser()
    assert call.invoke(chain, {"country": "Japan"}) == "The capital of Japan is Tokyo."


@pytest.mark.parametrize("options", [{}, {"stop": ["fox"]}, {"max_tokens": 5}], ids=str)
def test_the_stream_adds_up_to_the_answer(
    call: Any, model: LocalChatModel, options: dict[str, Any]
) -> None:
    """Law 1, with the real model: several chunks, the same text, usage and metadata."""
    seeded = model.bind(
        **{"max_tokens": 12, "seed": 1, **options}
    )  # alone, so that the numbers are added in one order
    chunks = call.stream(seeded, STORY)
    answer = call.invoke(seeded, STORY)
    joined = AIMessageChunk.merge_chunks(chunks)
    assert len(chunks) > 3
    assert joined.text == answer.text
    assert joined.usage_metadata == answer.usage_metadata
    for key in ("finish_reason", "model_name", "model_provider"):
        assert joined.response_metadata[key] == answer.response_metadata[key]
    assert type(answer) is AIMessage


def test_usage_is_reported_and_adds_up(call: Any, model: LocalChatModel) -> None:
    """Streamed or not, tokens are counted, and totals are the sums."""
    with track_usage() as usage:
        answers = [
            call.invoke(model, "Say hello."),
            *call.batch(model, [STORY, STORY], max_tokens=8),
        ]
        call.stream(model, STORY, max_tokens=8)
    read = sum(answer.usage_metadata["input_tokens"] for answer in answers)
    assert usage.total["input_tokens"] > read > 30
    assert usage.total["output_tokens"] == 8 * 3 + answers[0].usage_metadata["output_tokens"]
    assert usage.total["total_tokens"] == sum(
        usage.total[kind] for kind in ("input_tokens", "output_tokens")
    )


def test_an_answer_ends_before_a_stop_sequence(call: Any, model: LocalChatModel) -> None:
    """The stop sequence is not part of the answer, nor of any chunk."""
    question = "What is the capital of Japan?"
    expected = "The capital of Japan is "
    assert call.invoke(model, question, stop=["Tokyo"]).text == expected
    assert "".join(chunk.text for chunk in call.stream(model, question, stop="Tokyo")) == expected
    assert call.invoke(model, question, stop=["n is Tok"]).text == "The capital of Japa"


def test_max_tokens_bounds_an_answer(call: Any, model: LocalChatModel) -> None:
    """An answer has no more tokens than allowed, and its metadata says why it ended."""
    answer = call.invoke(model, STORY, max_tokens=5)
    assert answer.usage_metadata["output_tokens"] == 5
    assert answer.response_metadata["finish_reason"] == "length"
    assert (
        call.invoke(model, "What is the capital of Japan?").response_metadata["finish_reason"]
        == "stop"
    )


def test_a_temperature_makes_answers_differ(model: LocalChatModel) -> None:
    """The option reaches the runtime."""
    answers = {
        model.invoke(STORY, temperature=1.5, seed=seed, max_tokens=8).text for seed in range(3)
    }
    assert len(answers) > 1


def test_the_model_is_configuration(model: LocalChatModel) -> None:
    """It pickles, compares and prints, loaded or not, and copies share the loaded model."""
    model.invoke("Say hello.")
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model == LocalChatModel(max_tokens=24)
    assert hash(copy) == hash(model)
    assert copy != LocalChatModel(max_tokens=25)
    assert copy._engine() is model._engine()
    assert "max_tokens=24" in repr(copy)
    assert pickle.loads(pickle.dumps(PROMPT | model)) == PROMPT | model


def test_mistakes_are_refused_before_work_starts(model: LocalChatModel) -> None:
    """A mistyped option, another model in a call, and settings out of range."""
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        model.invoke("x", temprature=1)
    with pytest.raises(ConfigError, match="when the object is made"):
        model.invoke("x", model="other.gguf")
    for settings in ({"context_size": 0}, {"parallel": -1}, {"threads": True}):
        with pytest.raises(ConfigError, match="whole number"):
            LocalChatModel(**settings)  # type: ignore[arg-type]


def test_another_file_is_used_by_its_path(tmp_path: Path) -> None:
    """Any gguf file works, and answers have its name, not its path."""
    path = tmp_path / "other.gguf"
    path.symlink_to(fetch())
    model = init_chat_model(f"local:{path}", context_size=256, parallel=1, max_tokens=12)
    answer = model.invoke([("system", "Answer shortly."), ("human", "The capital of Japan?")])
    assert "Tokyo" in answer.text
    assert answer.response_metadata["model_name"] == "other"


def test_the_error_names_a_path_that_does_not_exist() -> None:
    """It comes when the model is made."""
    with pytest.raises(WeightsError, match=r"nowhere\.gguf"):
        init_chat_model("local:/nowhere.gguf")


def test_the_error_names_a_damaged_file(call: Any, tmp_path: Path) -> None:
    """Half a model file is a clear error in each call."""
    path = tmp_path / "half.gguf"
    shutil.copyfile(fetch(), path)
    with path.open("r+b") as file:
        file.truncate(1_000_000)
    model = LocalChatModel(str(path))
    for _ in range(2):
        with pytest.raises(WeightsError, match=r"half\.gguf: is it a whole gguf file"):
            call.invoke(model, "Hi")
