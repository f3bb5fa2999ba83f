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
from tests.laws.specimens import (
    AGAIN,
    ANY,
    DICTS,
    INT_LISTS,
    INTS,
    NO_BACKOFF,
    STRINGS,
    Specimen,
    specimen,
)
from tests.laws.steps import Flaky


def controls() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    yield specimen(
        "branch",
        lambda: RunnableBranch(
            (steps.is_even, steps.double),
            (lambda number: number > 2, steps.odd_only),
            steps.increment,
        ),
        INTS,
    )
    yield specimen(
        "branch: each its merge",
        lambda: RunnableBranch((lambda text: len(text) % 2, snapshots), words) | steps.shout,
        STRINGS,
    )
    yield specimen(
        "branch: async condition",
        lambda: RunnableBranch((steps.ais_even, steps.double), steps.increment),
        INTS,
        sync=False,
    )
    yield specimen(
        "branch: fails", lambda: RunnableBranch((bool, steps.odd_only), steps.shout), INTS
    )
    yield specimen(
        "router",
        lambda: RouterRunnable(
            {"words": words, "growing": snapshots, "fails": RunnableLambda(steps.stumble)}
        ),
        st.fixed_dictionaries(
            {"key": st.sampled_from(["words", "growing", "fails", "wordz"]), "input": STRINGS}
        )
        | INTS,
    )
    yield specimen("timeout", lambda: RunnableLambda(steps.odd_only).with_timeout(60), INTS)
    yield specimen("timeout: chunks", lambda: snapshots.with_timeout(60) | steps.shout, STRINGS)
    yield specimen(
        "timeout: async", lambda: RunnableLambda(steps.awords).with_timeout(60), STRINGS, sync=False
    )


def retries() -> Iterator[Specimen]:
    flaky = lambda failures: RunnableLambda(Flaky(failures).call)  # noqa: E731 - a shorthand
    yield specimen("retry: not needed", lambda: RunnableLambda(steps.words).with_retry(), STRINGS)
    yield specimen("retry", lambda: flaky(2).with_retry(**NO_BACKOFF), INTS)
    yield specimen("retry: in vain", lambda: flaky(9).with_retry(**NO_BACKOFF), INTS)
    yield specimen(
        "retry: another error",
        lambda: flaky(2).with_retry(**NO_BACKOFF, retry_if_exception_type=(KeyError,)),
        INTS,
    )
    yield specimen(
        "retry: async",
        lambda: RunnableLambda(Flaky(1).acall).with_retry(**NO_BACKOFF),
        INTS,
        sync=False,
    )
    yield specimen(
        "retry: before the first chunk",
        lambda: RunnableLambda(Flaky(1).early).with_retry(**NO_BACKOFF),
        STRINGS,
    )
    yield specimen(
        "retry: may_restart", lambda: RunnableLambda(Flaky(2).late).with_retry(**AGAIN), STRINGS
    )
    yield specimen(
        "retry: may_restart, async",
        lambda: RunnableLambda(Flaky(2).alate).with_retry(**AGAIN),
        STRINGS,
        sync=False,
    )
    yield specimen(
        "retry: may_restart in vain",
        lambda: RunnableLambda(Flaky(9).late).with_retry(**AGAIN),
        STRINGS,
    )
    for title, then in RESTARTED.items():
        yield specimen(
            f"retry: may_restart, then {title}",
            lambda then=then: RunnableLambda(Flaky(1).late).with_retry(**AGAIN) | then,  # type: ignore[misc]  # a default binds the loop's value
            STRINGS,
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
    yield specimen(
        "fallback",
        lambda: RunnableLambda(steps.odd_only).with_fallbacks([steps.double]),
        INTS,
    )
    yield specimen(
        "fallback: in vain",
        lambda: RunnableLambda(steps.odd_only).with_fallbacks([steps.odd_only, steps.odd_only]),
        INTS,
    )
    yield specimen(
        "fallback: another error",
        lambda: RunnableLambda(steps.odd_only).with_fallbacks(
            [steps.double], exceptions_to_handle=(KeyError,)
        ),
        INTS,
    )
    yield specimen(
        "fallback: receives the error",
        lambda: (
            RunnablePick("absent")
            .pipe(len)
            .with_fallbacks(
                [lambda value: f"{value['text']}: {value['error']}"], exception_key="error"
            )
        ),
        DICTS | INTS,
    )
    yield specimen(
        "fallback: before the first chunk",
        lambda: RunnableLambda(Flaky(1).early).with_fallbacks([words]),
        STRINGS,
    )
    yield specimen(
        "fallback: may_restart",
        lambda: RunnableLambda(steps.stumble).with_fallbacks([words], on_restart="restart"),
        STRINGS,
    )
    yield specimen(
        "fallback: may_restart with another merge",
        lambda: (
            RunnableLambda(steps.stumble).with_fallbacks(
                [RunnableLambda(steps.growing, merge="last")], on_restart="restart"
            )
            | RunnablePassthrough()
            | steps.shout
        ),
        STRINGS,
    )
    yield specimen(
        "fallback: async",
        lambda: RunnableLambda(steps.aodd_only).with_fallbacks([steps.double]),
        INTS,
        sync=False,
    )


def caches() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    yield specimen("cache", lambda: RunnableLambda(steps.odd_only).with_cache(), INTS)
    yield specimen(
        "cache: async", lambda: RunnableLambda(steps.aodd_only).with_cache(), INTS, sync=False
    )
    yield specimen("cache: chunks", lambda: words.with_cache() | steps.shout, STRINGS)
    yield specimen(
        "cache: chunks, async",
        lambda: RunnableLambda(steps.awords).with_cache() | RunnableGenerator(steps.auppercase),
        STRINGS,
        sync=False,
    )
    yield specimen("cache: snapshots", lambda: snapshots.with_cache() | steps.shout, STRINGS)
    yield specimen(
        "cache: own merge",
        lambda: RunnableLambda(steps.countdown, merge=steps.total).with_cache(),
        INTS,
    )
    yield specimen(
        "cache: fails midway", lambda: RunnableLambda(steps.stumble).with_cache(), STRINGS
    )
    yield specimen(
        "cache: of a retry that may_restart",
        lambda: RunnableLambda(Flaky(1).late).with_retry(**AGAIN).with_cache(key="flaky"),
        STRINGS,
    )
    yield specimen(
        "cache: branches",
        lambda: RunnableParallel(a=words.with_cache(), b=snapshots).with_cache(),
        STRINGS,
    )
    yield specimen(
        "cache: of embeddings",
        lambda: DeterministicFakeEmbedding(size=3).with_cache(),
        STRINGS | INTS,
    )
    yield specimen(
        "cache: prompt, model, parser",
        lambda: (
            ChatPromptTemplate([("human", "{text}{number}")])
            | ParrotFakeChatModel(cache=InMemoryCache()).with_cache()
            | StrOutputParser()
        ).with_cache(),
        DICTS,
    )
    yield specimen("cache: any input", lambda: RunnableLambda(repr).with_cache() | len, ANY)


def bindings() -> Iterator[Specimen]:
    add = RunnableLambda(steps.add)
    words, snapshots = RunnableLambda(steps.words), RunnableLambda(steps.growing, merge="last")
    yield specimen("bind", lambda: add.bind(other=5), INTS)
    yield specimen("bind: unknown option", lambda: add.bind(othre=5), INTS)
    yield specimen(
        "with_config", lambda: RunnableLambda(steps.tags_of).with_config(tags=["a"]), STRINGS
    )
    yield specimen(
        "with_config: limit", lambda: add.map().with_config(max_concurrency=1), INT_LISTS
    )
    yield specimen("with_types", lambda: add.with_types(input_type=int, output_type=int), INTS)
    yield specimen(
        "with_listeners", lambda: snapshots.with_listeners(on_end=str) | steps.shout, STRINGS
    )
    yield specimen("binding: snapshots", lambda: snapshots.with_config(run_name="named"), STRINGS)
    yield specimen(
        "configurable fields",
        lambda: steps.OnlyInvoke(10).configurable_fields(by=ConfigurableField(id="by")),
        INTS,
    )
    yield specimen(
        "configurable fields: set",
        lambda: (
            steps.OnlyInvoke(10)
            .configurable_fields(by=ConfigurableField(id="by"))
            .with_config(configurable={"by": 3})
        ),
        INTS,
    )
    yield specimen(
        "configurable alternatives",
        lambda: words.configurable_alternatives(
            ConfigurableField(id="which"), growing=snapshots, made=lambda: snapshots
        ),
        STRINGS,
    )
    for key in ("growing", "made", "growwing"):
        yield specimen(
            f"configurable alternatives: {key}",
            lambda key=key: (
                words.configurable_alternatives(  # type: ignore[misc]  # as above
                    ConfigurableField(id="which"), growing=snapshots, made=lambda: snapshots
                ).with_config(configurable={"which": key})
                | steps.shout
            ),
            STRINGS,
        )
    yield specimen(
        "tool",
        lambda: RunnableLambda(steps.odd_only).as_tool(),
        st.fixed_dictionaries({"input": INTS | st.just("x")}) | INTS,
    )
    yield specimen(
        "tool: called by a model",
        lambda: RunnableLambda(steps.words).as_tool(),
        STRINGS.map(
            lambda text: {"type": "tool_call", "name": "words", "args": {"input": text}, "id": "1"}
        ),
    )
