"""Runnables of LangChain in our pipes, and ours within LangChain's, for the registry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core import runnables as theirs
from langchain_core.output_parsers import StrOutputParser as TheirStrParser

from runnables import RunnableLambda, StrOutputParser, from_langchain, to_langchain
from tests.laws.specimens import DICTS, STRINGS, Specimen, specimen


def _shout(text: str) -> str:
    return text.upper() + "!"


def _letters(chunks: Iterator[str]) -> Iterator[str]:
    for text in chunks:
        yield from text


async def _aletters(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for text in chunks:
        for letter in text:
            yield letter


class Opaque(theirs.RunnableLambda[Any, Any]):
    """A runnable of LangChain that runs one of ours, as it comes: no container is taken apart."""

    def __init__(self, ours: Any) -> None:
        super().__init__(lambda _: self.inside)
        self.inside = to_langchain(ours)

    def transform(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Run ours on the chunks."""
        return self.inside.transform(input, config, **kwargs)

    def atransform(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Run ours on the chunks."""
        return self.inside.atransform(input, config, **kwargs)


def of_langchain() -> Iterator[Specimen]:
    """Yield a leaf, a generator, a translated sequence, and ours within theirs within ours."""
    yield specimen(
        "from_langchain(RunnableLambda(f))",
        lambda: from_langchain(theirs.RunnableLambda(_shout)),
        STRINGS,
    )
    yield specimen(
        "from_langchain(RunnableGenerator(f, af))",
        lambda: from_langchain(theirs.RunnableGenerator(_letters, _aletters)),
        STRINGS,
    )
    yield specimen(
        "from_langchain(assign | pick | parser)",
        lambda: from_langchain(
            theirs.RunnablePassthrough.assign(loud=lambda row: _shout(row["text"]))
            | theirs.RunnablePick("loud")
            | TheirStrParser()
        ),
        DICTS,
        ordered=False,
    )
    yield specimen(
        "ours | theirs | ours",
        lambda: RunnableLambda(str.strip) | theirs.RunnableLambda(_shout) | StrOutputParser(),
        STRINGS,
    )
    yield specimen(
        "from_langchain(theirs over to_langchain(ours))",
        lambda: from_langchain(Opaque(RunnableLambda(str.strip) | _shout)),
        STRINGS,
    )
