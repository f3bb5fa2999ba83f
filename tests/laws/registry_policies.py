"""Choices, policies and bindings around other runnables, for the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from runnables import (
    ChatPromptTemplate,
    CommaSeparatedListOutputParser,
    ConfigurableField,
    InMemoryCache,
    RouterRunnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    StrOutputParser,
)
from runnables.models.fakes import DeterministicFakeEmbedding, ParrotFakeChatModel
from tests.laws import steps
from tests.laws.specimens import AGAIN, ANY, DICTS, INT_LISTS, INTS, NO_BACKOFF, TEXTS, Specimen, it
from tests.laws.steps import Flaky


def controls() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    yield it(
        "branch",
        lambda: RunnableBranch(
            (steps.is_even, steps.double), (lambda it: it > 2, steps.odd_only), steps.increment
        ),
        INTS,
    )
    yield it(
        "branch: each its merge",
        lambda: RunnableBranch((lambda it: len(it) % 2, snapshots), words) | steps.shout,
        TEXTS,
    )
    yield it(
        "branch: async condition",
        lambda: RunnableBranch((steps.ais_even, steps.double), steps.increment),
        INTS,
        sync=False,
    )
    yield it("branch: fails", lambda: RunnableBranch((bool, steps.odd_only), steps.shout), INTS)
    yield it(
        "router",
        lambda: RouterRunnable(
            {"words": words, "growing": snapshots, "fails": RunnableLambda(steps.stumble)}
        ),
        st.fixed_dictionaries(
            {"key": st.sampled_from(["words", "growing", "fails", "wordz"]), "input": TEXTS}
        )
        | INTS,
    )
    yield it("timeout", lambda: RunnableLambda(steps.odd_only).with_timeout(60), INTS)
    yield it("timeout: pieces", lambda: snapshots.with_timeout(60) | steps.shout, TEXTS)
    yield it(
        "timeout: async", lambda: RunnableLambda(steps.awords).with_timeout(60), TEXTS, sync=False
    )


def retries() -> Iterator[Specimen]:
    flaky = lambda failures: RunnableLambda(Flaky(failures).call)  # noqa: E731 - a shorthand
    yield it("retry: not needed", lambda: RunnableLambda(steps.words).with_retry(), TEXTS)
    yield it("retry", lambda: flaky(2).with_retry(**NO_BACKOFF), INTS)
    yield it("retry: in vain", lambda: flaky(9).with_retry(**NO_BACKOFF), INTS)
    yield it(
        "retry: another error",
        lambda: flaky(2).with_retry(**NO_BACKOFF, retry_if_exception_type=(KeyError,)),
        INTS,
    )
    yield it(
        "retry: async",
        lambda: RunnableLambda(Flaky(1).acall).with_retry(**NO_BACKOFF),
        INTS,
        sync=False,
    )
    yield it(
        "retry: before the first piece",
        lambda: RunnableLambda(Flaky(1).early).with_retry(**NO_BACKOFF),
        TEXTS,
    )
    yield it("retry: may_restart", lambda: RunnableLambda(Flaky(2).late).with_retry(**AGAIN), TEXTS)
    yield it(
        "retry: may_restart, async",
        lambda: RunnableLambda(Flaky(2).alate).with_retry(**AGAIN),
        TEXTS,
        sync=False,
    )
    yield it(
        "retry: may_restart in vain",
        lambda: RunnableLambda(Flaky(9).late).with_retry(**AGAIN),
        TEXTS,
    )
    for title, then in RESTARTED.items():
        yield it(
            f"retry: may_restart, then {title}",
            lambda then=then: RunnableLambda(Flaky(1).late).with_retry(**AGAIN) | then,  # type: ignore[misc]  # a default binds the loop's value
            TEXTS,
        )


RESTARTED: dict[str, Any] = {
    "function": steps.shout,
    "generator": RunnableGenerator(steps.uppercase),
    "both generators": RunnableGenerator(steps.uppercase, steps.auppercase),
    "generator at the end": RunnableGenerator(steps.backwards),
    "snapshots": RunnableGenerator(steps.so_far, merge="last"),
    "passthrough": RunnablePassthrough(len),
    "parser": StrOutputParser() | CommaSeparatedListOutputParser(),
    "parallel": {"a": RunnableGenerator(steps.uppercase), "b": steps.shout},
    "parallel, pick": RunnableParallel(a=RunnableGenerator(steps.uppercase), b=len)
    | RunnablePick("a"),
    "parallel, assign": RunnableParallel(a=RunnableGenerator(steps.uppercase), b=len)
    | RunnablePassthrough.assign(c=RunnablePick("a") | RunnableGenerator(steps.uppercase)),
    "branch": RunnableBranch((bool, RunnableGenerator(steps.uppercase)), len),
    "list, map": RunnableGenerator(steps.letters) | RunnableLambda(steps.words).map(),
    "retry": RunnableGenerator(steps.uppercase).with_retry(),
    "timeout": RunnableGenerator(steps.uppercase).with_timeout(60),
    "model": ParrotFakeChatModel() | StrOutputParser(),
    "user's class": steps.OnlyTransform(),
}


def fallbacks() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    yield it(
        "fallback",
        lambda: RunnableLambda(steps.odd_only).with_fallbacks([steps.double]),
        INTS,
    )
    yield it(
        "fallback: in vain",
        lambda: RunnableLambda(steps.odd_only).with_fallbacks([steps.odd_only, steps.odd_only]),
        INTS,
    )
    yield it(
        "fallback: another error",
        lambda: RunnableLambda(steps.odd_only).with_fallbacks(
            [steps.double], exceptions_to_handle=(KeyError,)
        ),
        INTS,
    )
    yield it(
        "fallback: told the error",
        lambda: (
            RunnablePick("absent")
            .pipe(len)
            .with_fallbacks([lambda it: f"{it['text']}: {it['error']}"], exception_key="error")
        ),
        DICTS | INTS,
    )
    yield it(
        "fallback: before the first piece",
        lambda: RunnableLambda(Flaky(1).early).with_fallbacks([words]),
        TEXTS,
    )
    yield it(
        "fallback: may_restart",
        lambda: RunnableLambda(steps.stumble).with_fallbacks([words], on_restart="restart"),
        TEXTS,
    )
    yield it(
        "fallback: may_restart with another merge",
        lambda: (
            RunnableLambda(steps.stumble).with_fallbacks(
                [RunnableLambda(steps.growing, merge="last")], on_restart="restart"
            )
            | RunnablePassthrough()
            | steps.shout
        ),
        TEXTS,
    )
    yield it(
        "fallback: async",
        lambda: RunnableLambda(steps.aodd_only).with_fallbacks([steps.double]),
        INTS,
        sync=False,
    )


def caches() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    yield it("cache", lambda: RunnableLambda(steps.odd_only).with_cache(), INTS)
    yield it("cache: async", lambda: RunnableLambda(steps.aodd_only).with_cache(), INTS, sync=False)
    yield it("cache: pieces", lambda: words.with_cache() | steps.shout, TEXTS)
    yield it(
        "cache: pieces, async",
        lambda: RunnableLambda(steps.awords).with_cache() | RunnableGenerator(steps.auppercase),
        TEXTS,
        sync=False,
    )
    yield it("cache: snapshots", lambda: snapshots.with_cache() | steps.shout, TEXTS)
    yield it(
        "cache: own merge",
        lambda: RunnableLambda(steps.countdown, merge=steps.total).with_cache(),
        INTS,
    )
    yield it("cache: fails on the way", lambda: RunnableLambda(steps.stumble).with_cache(), TEXTS)
    yield it(
        "cache: of a retry that may_restart",
        lambda: RunnableLambda(Flaky(1).late).with_retry(**AGAIN).with_cache(key="flaky"),
        TEXTS,
    )
    yield it(
        "cache: branches",
        lambda: RunnableParallel(a=words.with_cache(), b=snapshots).with_cache(),
        TEXTS,
    )
    yield it(
        "cache: of embeddings",
        lambda: DeterministicFakeEmbedding(size=3).with_cache(),
        TEXTS | INTS,
    )
    yield it(
        "cache: prompt, model, parser",
        lambda: (
            ChatPromptTemplate([("human", "{text}{number}")])
            | ParrotFakeChatModel(cache=InMemoryCache()).with_cache()
            | StrOutputParser()
        ).with_cache(),
        DICTS,
    )
    yield it("cache: any input", lambda: RunnableLambda(repr).with_cache() | len, ANY)


def bindings() -> Iterator[Specimen]:
    add = RunnableLambda(steps.add)
    words, snapshots = RunnableLambda(steps.words), RunnableLambda(steps.growing, merge="last")
    yield it("bind", lambda: add.bind(other=5), INTS)
    yield it("bind: unknown option", lambda: add.bind(othre=5), INTS)
    yield it("with_config", lambda: RunnableLambda(steps.tags_of).with_config(tags=["a"]), TEXTS)
    yield it("with_config: limit", lambda: add.map().with_config(max_concurrency=1), INT_LISTS)
    yield it("with_types", lambda: add.with_types(input_type=int, output_type=int), INTS)
    yield it("with_listeners", lambda: snapshots.with_listeners(on_end=str) | steps.shout, TEXTS)
    yield it("binding: snapshots", lambda: snapshots.with_config(run_name="it"), TEXTS)
    yield it(
        "configurable fields",
        lambda: steps.OnlyInvoke(10).configurable_fields(by=ConfigurableField(id="by")),
        INTS,
    )
    yield it(
        "configurable fields: set",
        lambda: (
            steps.OnlyInvoke(10)
            .configurable_fields(by=ConfigurableField(id="by"))
            .with_config(configurable={"by": 3})
        ),
        INTS,
    )
    yield it(
        "configurable alternatives",
        lambda: words.configurable_alternatives(
            ConfigurableField(id="which"), growing=snapshots, made=lambda: snapshots
        ),
        TEXTS,
    )
    for key in ("growing", "made", "growwing"):
        yield it(
            f"configurable alternatives: {key}",
            lambda key=key: (
                words.configurable_alternatives(  # type: ignore[misc]  # as above
                    ConfigurableField(id="which"), growing=snapshots, made=lambda: snapshots
                ).with_config(configurable={"which": key})
                | steps.shout
            ),
            TEXTS,
        )
    yield it(
        "tool",
        lambda: RunnableLambda(steps.odd_only).as_tool(),
        st.fixed_dictionaries({"input": INTS | st.just("x")}) | INTS,
    )
    yield it(
        "tool: called by a model",
        lambda: RunnableLambda(steps.words).as_tool(),
        TEXTS.map(
            lambda it: {"type": "tool_call", "name": "words", "args": {"input": it}, "id": "1"}
        ),
    )
