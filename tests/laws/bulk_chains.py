"""Random chains with steps that take many inputs in one call, for law 4."""

from __future__ import annotations

import contextvars
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runnables import (
    BaseRetriever,
    Document,
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough as Passthrough,
)
from tests.both_modes import Call
from tests.core.bulk_steps import Tens
from tests.laws.specimens import NO_BACKOFF

Make = Callable[[], Runnable[Any, Any]]


class Marks(Tens):
    """A bulk step that marks its inputs."""

    def _invoke_batch(self, values: Sequence[Any], scope: Any, kwargs: dict[str, Any]) -> list[Any]:
        assert len(values) <= self.max_batch_size
        if self.fails is not None:
            self.fails(values)
        return [f"bulk {value}" for value in values]


tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="no tenant")


class Finds(Tens):
    """A bulk step that marks its inputs with what it finds around it."""

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._invoke_batch([input], config, kwargs)[0]

    def _invoke_batch(self, values: Sequence[Any], scope: Any, kwargs: dict[str, Any]) -> list[Any]:
        assert len(values) <= self.max_batch_size
        if self.fails is not None:
            self.fails(values)
        config = scope or {}
        chosen = sorted((config.get("configurable") or {}).items())
        around = (tenant.get(), chosen, sorted(config.get("tags") or ()), kwargs)
        return [f"bulk {value} {around}" for value in values]


class FindsDocuments(BaseRetriever):
    """A retriever for many questions, whose documents say what it finds around it."""

    max_batch_size: int = 256

    def _get_relevant_documents_batch(self, queries: Sequence[str]) -> list[list[Document]]:  # type: ignore[override]
        assert len(queries) <= self.max_batch_size
        return [[Document(f"found {query} {tenant.get()}")] for query in queries]


def chain_of(seed: int, call: Call) -> Runnable[Any, Any]:
    """Return a random chain, up to three levels deep, whose bulk steps may fail for some rows."""
    return _chain(seed, call, KINDS, ["bulk", "leaf"])


def chain_with_tenants(seed: int, call: Call) -> Runnable[Any, Any]:
    """Return such a chain some of whose steps set a context variable, which bulk steps find."""
    return _chain(seed, call, {**KINDS, **MORE_KINDS}, ["finds", "retriever", "leaf"])


def _chain(
    seed: int, call: Call, kinds: Mapping[str, Any], leaves: Sequence[str]
) -> Runnable[Any, Any]:
    choice = random.Random(seed)

    def build(depth: int) -> Runnable[Any, Any]:
        kind = choice.choice(list(kinds) if depth else leaves)
        fails = [None, None, _fail_for_some]
        if kind == "leaf":
            return RunnableLambda(_aleaf if call.mode == "async" else _leaf)
        if kind == "bulk":
            return Marks(choice.randint(1, 4), choice.choice(fails))
        if kind == "finds":
            bulk = Finds(choice.randint(1, 4), choice.choice(fails))
            return choice.choice([bulk, bulk.bind(by=choice.randint(1, 2))])
        if kind == "retriever":
            found = FindsDocuments(max_batch_size=choice.randint(1, 4)) | RunnableLambda(_text)
            return RunnableLambda(str, blocking=False) | found
        if kind == "tenant":
            enter = RunnableLambda(_aenter if call.mode == "async" else _enter)
            return enter | build(depth - 1)
        made: Runnable[Any, Any] = kinds[kind](lambda: build(depth - 1), choice)
        return made

    return build(3)


def _text(found: list[Document]) -> str:
    return found[0].page_content


def _enter(value: Any) -> Any:
    tenant.set(f"tenant {len(str(value)) % 3}")
    return value


async def _aenter(value: Any) -> Any:
    return _enter(value)


def _leaf(value: Any) -> str:
    return f"leaf {value}"


async def _aleaf(value: Any) -> str:
    return f"leaf {value}"


def _fail_for_some(values: Sequence[Any]) -> None:
    for value in values:
        if len(str(value)) % 5 == 3:
            raise ValueError("not this one")  # of two branches that fail, either error is raised


def _limited(part: Make, choice: random.Random) -> Runnable[Any, Any]:
    return part().with_config(max_concurrency=choice.randint(1, 3))


KINDS: dict[str, Callable[[Make, random.Random], Any]] = {
    "bulk": lambda part, choice: part(),
    "leaf": lambda part, choice: part(),
    "sequence": lambda part, choice: Passthrough() | part() | part(),
    "parallel": lambda part, choice: RunnableParallel(a=part(), b=part()),
    "assign": lambda part, choice: RunnableParallel(x=str) | Passthrough.assign(y=part()),
    "branch": lambda part, choice: RunnableBranch((_is_odd, part()), part()),
    "retry": lambda part, choice: part().with_retry(stop_after_attempt=2, **NO_BACKOFF),
    "fallbacks": lambda part, choice: part().with_fallbacks([part()]),
    "map": lambda part, choice: RunnableLambda(_twice) | part().map(),
    "tags": lambda part, choice: part().with_config(tags=["a"]),
    "limit": _limited,
}

MORE_KINDS: dict[str, Callable[[Make, random.Random], Any]] = {
    "finds": lambda part, choice: part(),
    "retriever": lambda part, choice: part(),
    "tenant": lambda part, choice: part(),
    "chosen": lambda part, choice: part().with_config(configurable={"b": choice.randint(1, 2)}),
}


def _twice(value: Any) -> list[Any]:
    return [value, str(value)]


def _is_odd(value: Any) -> bool:
    return len(str(value)) % 2 == 1


def outcome(call: Call, chain: Any, row: int, config: Any = None) -> Any:
    """Return what `invoke` returns for a row alone; an error as what can be compared."""
    try:
        return contextvars.copy_context().run(call.invoke, chain, row, config)
    except Exception as error:
        return comparable(error)


def comparable(output: Any) -> Any:
    """Return an output; an error as its type and what it says."""
    return (type(output), str(output)) if isinstance(output, Exception) else output
