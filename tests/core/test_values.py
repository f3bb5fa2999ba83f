"""Runnables as values: a lambda in a chain is printed as it is written."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import RunnableLambda, RunnablePassthrough
from runnables.core.values import MAX_LAMBDA_LENGTH, lambda_text

OTHER = 3


def around(z: int) -> Any:
    """Return a lambda over several lines, with a variable from here."""
    return lambda x, *more, k=1: (
        x + z,
        [y for y in more if y > k],
        "ä" + str(OTHER),
    )


WRITTEN: dict[str, Any] = {
    "lambda x: x * 2": lambda x: x * 2,
    "lambda: 1": lambda: 1,
    "lambda x: x['a']['b'] or None": lambda x: x["a"]["b"] or None,
    "lambda x: {'ä': x}": lambda x: {"ä": x},
    "lambda x: (x, 1)": lambda x: (x, 1),
    "lambda x: x if x else OTHER": lambda x: x if x else OTHER,
    "lambda x: lambda y: y + x": lambda x: lambda y: y + x,
    "lambda x: f'{x!r:>3} {OTHER}'": lambda x: f"{x!r:>3} {OTHER}",
    "lambda d: d.get('x')": (lambda d: d.get("x")),
    "lambda x, *more, k=1: (x + z, [y for y in more if y > k], 'ä' + str(OTHER))": around(1),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_lambda_shows_its_text(text: str) -> None:
    """It is shown on one line, although it may be one of several, or take several lines."""
    assert lambda_text(WRITTEN[text]) == text
    assert repr(RunnableLambda(WRITTEN[text])) == f"RunnableLambda({text})"


def test_a_chain_reads_like_its_code() -> None:
    """The lambdas inside its steps are shown, too."""
    chain = RunnablePassthrough.assign(n=lambda x: len(x)) | (lambda x: x["n"])
    assert repr(chain) == (
        "RunnablePassthrough.assign(n=RunnableLambda(lambda x: len(x)))"
        " | RunnableLambda(lambda x: x['n'])"
    )


def test_a_long_lambda_is_cut() -> None:
    """A repr of bounded length is easy to read."""
    cut = lambda_text(
        lambda x: [x, "one", "two", "three", "four", "five", "six", "seven", "more"] * 1000
    )
    assert cut == "lambda x: ..."
    assert MAX_LAMBDA_LENGTH < 100


def test_a_lambda_without_its_source_is_shown_by_its_name() -> None:
    """It is so for `eval`, and for a file that has changed since."""
    assert repr(RunnableLambda(eval("lambda x: x"))) == "RunnableLambda(<lambda>)"
    code = compile("\n" * 4 + "f = lambda unknown_name: unknown_name", __file__, "exec")
    space: dict[str, Any] = {}
    exec(code, space)
    assert lambda_text(space["f"]) is None
