"""How long strings are found, cut and reported: on a runtime whose tokens are words."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from runnables.errors import ConfigError, ContextLengthError
from runnables_providers.local.embedding_work import check_strings, embed
from runnables_providers.local.runtime import Abilities, Server

LIMIT = 8


class Words:
    """A runtime that refuses a batch with more than eight words, or characters of a word, in one.

    Attributes:
        embedded: the strings that were embedded.
        asked: how many calls it had.
    """

    def __init__(self) -> None:
        self.embedded: list[str] = []
        self.asked = 0

    def handle_embeddings(self, prompt: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        for string in prompt["input"]:
            if (tokens := count(string)) > LIMIT:
                message = f"input ({tokens} tokens) is too large to process. Increase it (8)"
                return {"error": {"code": 500, "message": message, "type": "server_error"}}
        self.embedded += prompt["input"]
        return {"data": prompt["input"]}


def count(string: str) -> int:
    """Return the tokens of a string: its words, of which long ones have some."""
    return sum(-(-len(word) // 10) for word in string.split())


def run(strings: list[str], *, truncate: bool, prompt: str = "{}") -> tuple[Words, list[str]]:
    """Embed strings; return the runtime, and what was emitted for each."""
    server, emitted = Words(), list[str]()
    abilities = Abilities(tools=False, context=LIMIT, trained=32, name="words", prompt=prompt)

    def emit(answer: Any) -> bool:
        emitted.extend(answer["data"])
        return False

    embed(strings, truncate, cast("Server", server), abilities, emit)
    return server, emitted


STRINGS = st.lists(st.text(st.sampled_from("ab c\n"), max_size=120), max_size=40)


@given(strings=STRINGS)
def test_every_string_has_its_own_answer_in_order(strings: list[str]) -> None:
    """What fits is embedded as it is, and of the others a beginning that fits."""
    _, emitted = run(strings, truncate=True)
    assert len(emitted) == len(strings)
    for string, found in zip(strings, emitted, strict=True):
        if count(string) <= LIMIT:
            assert found == (string or " ")
        else:
            assert string.startswith(found)
            assert 0 < count(found) <= LIMIT


@given(strings=STRINGS)
def test_without_truncation_the_first_long_string_is_named(strings: list[str]) -> None:
    """With its place, its beginning and its tokens; nothing is said where all fit."""
    long = [(place, string) for place, string in enumerate(strings) if count(string) > LIMIT]
    if not long:
        assert run(strings, truncate=False)[1] == [string or " " for string in strings]
        return
    place, string = long[0]
    with pytest.raises(ContextLengthError) as caught:
        run(strings, truncate=False)
    message = str(caught.value)
    which = "The text" if len(strings) == 1 else f"Text {place + 1} of {len(strings)}"
    assert message.startswith(f"{which} ({string[:40]!r}"[:-1])
    assert f"has {count(string)} tokens, and words reads 8 at most" in message
    assert "a larger context_size (it reads 32)" in message


def test_a_beginning_has_nearly_all_tokens_that_fit() -> None:
    """It ends after a word, and is found in a few calls."""
    server, (found,) = run(["word " * 1000], truncate=True)
    assert found == " ".join(["word"] * LIMIT)
    assert server.asked < 10


def test_a_string_that_is_no_text_is_named() -> None:
    """With its place, and that of the lone surrogate in it."""
    check_strings(["", "sea", "\U0001f30a"])
    with pytest.raises(ConfigError, match=r"Text 2 of 3 has a lone surrogate \('.ud800'\) at 1"):
        check_strings(["sea", "a\ud800", "\udc00"])


def test_short_strings_are_sent_in_batches() -> None:
    """Forty strings take three calls."""
    server, emitted = run([f"number {number}" for number in range(40)], truncate=True)
    assert len(emitted) == 40
    assert server.asked == 3


def test_the_prompt_stays_around_what_is_cut() -> None:
    """Braces in a string are no place for another one."""
    _, (short, long) = run(["a {} b", "x " * 50], truncate=True, prompt='say "{}" now')
    assert short == 'say "a {} b" now'
    assert long.startswith('say "x x')
    assert long.endswith('x" now')
    assert count(long) <= LIMIT


def test_a_prompt_that_does_not_fit_alone_is_an_error() -> None:
    """There is nothing left to cut."""
    with pytest.raises(ContextLengthError, match="has 10 tokens"):
        run(["x"], truncate=True, prompt="so " * 9 + "{}")
