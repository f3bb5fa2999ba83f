"""What the adapter for LangChain costs: `python -m benchmarks.interop`.

The floor of each row is LangChain's own way to do the same; all ways are measured in turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_core import runnables as theirs
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk as TheirChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from benchmarks.harness import Run, in_turns, repeated
from runnables import (
    AIMessageChunk,
    ChatModel,
    RunnableGenerator,
    RunnableLambda,
    from_langchain,
    to_langchain,
)

Ways = Mapping[str, Callable[[], Run]]
"""For each way to do some work, what returns it; the first one is the floor."""


class Quiet(BaseCallbackHandler):
    """A handler of LangChain that has no methods of its own."""


class TheirModel(BaseChatModel):
    """A chat model of LangChain that answers in so many chunks."""

    chunks: int

    @property
    def _llm_type(self) -> str:
        return "words"

    def _generate(self, *args: Any, **options: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, *args: Any, **options: Any) -> Iterator[ChatGenerationChunk]:
        for _ in range(self.chunks):
            yield ChatGenerationChunk(message=TheirChunk("word "))


class OurModel(ChatModel):
    """The same as one of ours."""

    def __init__(self, chunks: int) -> None:
        super().__init__()
        self.chunks = chunks

    def _stream(self, messages: Any, options: Any) -> Iterator[AIMessageChunk]:
        for _ in range(self.chunks):
            yield AIMessageChunk("word ")


def inc(x: int) -> int:
    """Return the next number."""
    return x + 1


def _calls(step: Any, config: Any = None) -> Callable[[], Run]:
    return lambda: repeated(lambda: step.invoke(1, config))


def _batches(step: Any, inputs: list[int]) -> Callable[[], Run]:
    config: Any = {"max_concurrency": 1}
    return lambda: repeated(lambda: step.batch(inputs, config))


def _answers(model: Any) -> Callable[[], Run]:
    def work() -> None:
        for _ in model.stream("Hello"):
            pass

    return lambda: repeated(work)


def _streams(step: Any, chunks: list[Any]) -> Callable[[], Run]:
    def work() -> None:
        for _ in step.transform(iter(chunks)):
            pass

    return lambda: repeated(work)


def _same(chunks: Iterator[Any]) -> Iterator[Any]:
    yield from chunks


def _their_steps() -> Any:
    return theirs.RunnableLambda(inc) | theirs.RunnableLambda(inc) | theirs.RunnableLambda(inc)


def _our_steps() -> Any:
    return to_langchain(RunnableLambda(inc) | inc | inc)


def rows(chunks: int) -> Iterator[tuple[str, int, Ways]]:
    """Yield each row: what is done, how many units that is, and the ways to do it.

    Args:
        chunks: how many chunks a stream has.
    """
    step = theirs.RunnableLambda(inc)
    yield (
        "a call of one step",
        1,
        {
            "theirs": _calls(step),
            "from_langchain(theirs)": _calls(from_langchain(step)),
            "to_langchain(ours)": _calls(to_langchain(RunnableLambda(inc))),
        },
    )
    config: Any = {"callbacks": [Quiet()]}
    for title, settings in (("a call of three steps", None), ("with a handler", config)):
        yield (
            title,
            1,
            {
                "theirs": _calls(_their_steps(), settings),
                "from_langchain(theirs)": _calls(from_langchain(_their_steps()), settings),
                "to_langchain(ours)": _calls(_our_steps(), settings),
            },
        )
    inputs = list(range(100))
    yield (
        "a row of a batch",
        len(inputs),
        {
            "theirs": _batches(step, inputs),
            "from_langchain(theirs)": _batches(from_langchain(step), inputs),
            "to_langchain(ours)": _batches(to_langchain(RunnableLambda(inc)), inputs),
        },
    )
    strings, other = ["word "] * chunks, [TheirChunk("word ")] * chunks
    own = [AIMessageChunk("word ")] * chunks
    for title, given, native in (
        ("a chunk of text", strings, strings),
        ("of a message", other, own),
    ):
        yield (
            title,
            chunks,
            {
                "theirs": _streams(theirs.RunnableGenerator(_same), given),
                "from_langchain(theirs)": _streams(
                    from_langchain(theirs.RunnableGenerator(_same)), native
                ),
                "to_langchain(ours)": _streams(to_langchain(RunnableGenerator(_same)), given),
            },
        )
    yield (
        "of a chat model",
        chunks,
        {
            "theirs": _answers(TheirModel(chunks=chunks)),
            "from_langchain(theirs)": _answers(from_langchain(TheirModel(chunks=chunks))),
            "to_langchain(ours)": _answers(to_langchain(OurModel(chunks))),
        },
    )


def measured(rounds: int, chunks: int) -> Iterator[str]:
    """Yield the lines of the table.

    Args:
        rounds: how often each way is measured; the quietest round counts.
        chunks: how many chunks a stream has.
    """
    yield "| microseconds for | theirs | from_langchain(theirs) | to_langchain(ours) |"
    yield "|---|---|---|---|"
    for title, units, ways in rows(chunks):
        seconds = in_turns(ways, rounds, min)
        cells = [f"{1e6 * seconds[way] / units:.1f}" for way in ways]
        yield f"| {title} | {' | '.join(cells)} |"


def main() -> None:
    """Measure all rows, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="the quietest one counts")
    parser.add_argument("--chunks", type=int, default=1000, help="chunks of a stream")
    options = parser.parse_args()
    for line in measured(options.rounds, options.chunks):
        print(line, flush=True)


if __name__ == "__main__":
    main()
