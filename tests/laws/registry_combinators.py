"""Runnables that are made of others, for the registry."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from runnables import (
    ChatPromptTemplate,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    StrOutputParser,
)
from runnables.models.fakes import ParrotFakeChatModel
from tests.laws import steps
from tests.laws.specimens import ANY, DICTS, INTS, STRINGS, Specimen, specimen


def sequences() -> Iterator[Specimen]:
    words, snapshots = RunnableLambda(steps.words), RunnableGenerator(steps.so_far, merge="last")
    upper = RunnableGenerator(steps.uppercase)
    quick = RunnableLambda(steps.odd_only, blocking=False)
    yield specimen("sequence: functions", lambda: quick | steps.double | steps.increment, INTS)
    yield specimen("sequence: of one", lambda: RunnableSequence(steps.odd_only), INTS)
    yield specimen("sequence: named", lambda: quick.pipe(steps.double, name="twice"), INTS)
    yield specimen("sequence: nested", lambda: (quick | steps.double).with_config() | quick, INTS)
    yield specimen("sequence: chunks", lambda: words | upper | upper, STRINGS)
    yield specimen("sequence: chunks, then whole", lambda: words | upper | steps.shout, STRINGS)
    yield specimen(
        "sequence: snapshots, then whole", lambda: words | snapshots | steps.shout, STRINGS
    )
    yield specimen("sequence: snapshots last", lambda: words | snapshots, STRINGS)
    yield specimen(
        "sequence: numbers, then whole",
        lambda: RunnableGenerator(steps.lengths, merge=steps.total) | steps.double,
        STRINGS,
    )
    yield specimen("sequence: async step", lambda: quick | steps.aincrement, INTS, sync=False)
    yield specimen(
        "sequence: async generators",
        lambda: words | RunnableGenerator(steps.auppercase),
        STRINGS,
        sync=False,
    )
    yield specimen("sequence: fails midway", lambda: words | steps.until_mark | upper, STRINGS)
    yield specimen(
        "sequence: prompt, model, parser",
        lambda: (
            ChatPromptTemplate([("human", "{text}{number}")])
            | ParrotFakeChatModel()
            | StrOutputParser()
        ),
        DICTS,
    )
    yield specimen(
        "sequence: mapping",
        lambda: {"a": words, "b": upper} | RunnableLambda(steps.both_ways_of),
        STRINGS,
    )


def parallels() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    yield specimen(
        "parallel: functions",
        lambda: RunnableParallel(a=steps.increment, b=steps.double, c=RunnablePassthrough()),
        INTS,
    )
    yield specimen("parallel: of nothing", lambda: RunnableParallel({}), INTS)
    yield specimen(
        "parallel: every merge",
        lambda: RunnableParallel(
            words=words,
            snapshots=snapshots,
            list=RunnableGenerator(steps.letters),
            total=RunnableGenerator(steps.lengths, merge=steps.total),
            whole=steps.shout,
            same=RunnablePassthrough(),
        ),
        STRINGS,
    )
    yield specimen(
        "parallel: nested",
        lambda: RunnableParallel(
            a={"x": words, "y": {"z": snapshots}}, b=words | {"c": steps.shout}
        ),
        STRINGS,
    )
    yield specimen(
        "parallel: async branch",
        lambda: RunnableParallel(a=steps.aincrement, b=steps.double),
        INTS,
        sync=False,
    )
    yield specimen(
        "parallel: a branch fails",
        lambda: RunnableParallel(a=steps.odd_only, b=steps.double, name="both"),
        INTS,
    )
    yield specimen(
        "parallel: a branch fails midway",
        lambda: RunnableParallel(a=steps.until_mark, b=steps.shout),
        STRINGS,
    )


def shapes() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    text = RunnablePick("text")
    yield specimen("passthrough", lambda: RunnablePassthrough(), ANY)
    yield specimen(
        "passthrough: with a function", lambda: RunnablePassthrough(steps.odd_only), INTS
    )
    yield specimen(
        "passthrough: with an async function",
        lambda: RunnablePassthrough(steps.aodd_only),
        INTS,
        sync=False,
    )
    yield specimen("passthrough: snapshots", lambda: snapshots | RunnablePassthrough(), STRINGS)
    yield specimen(
        "assign",
        lambda: RunnablePassthrough.assign(
            words=text | words, more=lambda value: value["number"] + 1
        ),
        DICTS | INTS,
    )
    yield specimen(
        "assign: over a key",
        lambda: RunnablePassthrough.assign(text=text | snapshots, new=RunnablePassthrough()),
        DICTS,
    )
    yield specimen(
        "assign: to snapshots",
        lambda: RunnableParallel(a=snapshots, b=words).assign(
            a=RunnablePick("a") | steps.shout, c=RunnablePick("b")
        ),
        STRINGS,
    )
    yield specimen("pick: one key", lambda: RunnablePick("text"), DICTS | INTS)
    yield specimen("pick: some keys", lambda: RunnablePick(["number", "absent"]), DICTS)
    yield specimen("pick: no such key", lambda: RunnablePick("absent"), DICTS)
    yield specimen(
        "pick: snapshots",
        lambda: RunnableParallel(a=snapshots, b=words).pick("a") | steps.shout,
        STRINGS,
    )
    yield specimen(
        "pick: snapshots and chunks",
        lambda: RunnableParallel(a=snapshots, b=words, c=words).pick(["a", "b"]),
        STRINGS,
    )
    lists, no_number_twice = st.lists(INTS, max_size=4), st.lists(INTS, max_size=4, unique=True)
    yield specimen("map", lambda: RunnableLambda(steps.double).map(), lists | INTS)
    yield specimen("map: fails", lambda: RunnableLambda(steps.only_small).map(), no_number_twice)
    yield specimen("map: chunks", lambda: words.map(), st.lists(STRINGS, max_size=4))
    yield specimen("map: snapshots", lambda: snapshots.map(), st.lists(STRINGS, max_size=4))
    yield specimen(
        "map: of maps",
        lambda: RunnableLambda(steps.double).map().map(),
        st.lists(lists, max_size=3),
    )
    yield specimen("map: async", lambda: RunnableLambda(steps.aincrement).map(), lists, sync=False)
    yield specimen(
        "map: after chunks",
        lambda: RunnableGenerator(steps.letters) | RunnableLambda(steps.shout).map(),
        STRINGS,
    )


def bulk_steps() -> Iterator[Specimen]:
    """Yield runnables with a step inside that takes many inputs in one call."""
    quick = RunnableLambda(steps.increment, blocking=False)
    yield specimen("bulk step", lambda: steps.Lookup(), INTS)
    yield specimen("bulk step: in a sequence", lambda: quick | steps.Lookup() | steps.double, INTS)
    yield specimen(
        "bulk step: in a parallel",
        lambda: RunnableParallel(a=quick | steps.Lookup(), b={"c": steps.double}),
        INTS,
    )
    yield specimen(
        "bulk step: in an assign",
        lambda: RunnablePassthrough.assign(x=RunnablePick("number") | steps.Lookup()),
        DICTS,
    )
    no_number_twice = st.lists(INTS, max_size=4, unique=True)
    yield specimen("bulk step: in a map", lambda: steps.Lookup().map(), no_number_twice)
    yield specimen(
        "bulk step: with policies",
        lambda: (
            (quick | steps.Lookup())
            .with_retry(wait_exponential_jitter=False)
            .with_fallbacks([quick | steps.double])
        ),
        INTS,
    )
