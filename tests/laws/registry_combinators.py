"""What is made of other runnables, for the registry."""

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
from tests.laws.specimens import ANY, DICTS, INTS, TEXTS, Specimen, it


def sequences() -> Iterator[Specimen]:
    words, snapshots = RunnableLambda(steps.words), RunnableGenerator(steps.so_far, merge="last")
    upper = RunnableGenerator(steps.uppercase)
    quick = RunnableLambda(steps.odd_only, blocking=False)
    yield it("sequence: functions", lambda: quick | steps.double | steps.increment, INTS)
    yield it("sequence: of one", lambda: RunnableSequence(steps.odd_only), INTS)
    yield it("sequence: named", lambda: quick.pipe(steps.double, name="twice"), INTS)
    yield it("sequence: nested", lambda: (quick | steps.double).with_config() | quick, INTS)
    yield it("sequence: pieces", lambda: words | upper | upper, TEXTS)
    yield it("sequence: pieces, then whole", lambda: words | upper | steps.shout, TEXTS)
    yield it("sequence: snapshots, then whole", lambda: words | snapshots | steps.shout, TEXTS)
    yield it("sequence: snapshots last", lambda: words | snapshots, TEXTS)
    yield it(
        "sequence: numbers, then whole",
        lambda: RunnableGenerator(steps.lengths, merge=steps.total) | steps.double,
        TEXTS,
    )
    yield it("sequence: async step", lambda: quick | steps.aincrement, INTS, sync=False)
    yield it(
        "sequence: async generators",
        lambda: words | RunnableGenerator(steps.auppercase),
        TEXTS,
        sync=False,
    )
    yield it("sequence: fails on the way", lambda: words | steps.until_mark | upper, TEXTS)
    yield it(
        "sequence: prompt, model, parser",
        lambda: (
            ChatPromptTemplate([("human", "{text}{number}")])
            | ParrotFakeChatModel()
            | StrOutputParser()
        ),
        DICTS,
    )
    yield it(
        "sequence: mapping",
        lambda: {"a": words, "b": upper} | RunnableLambda(steps.both_ways_of),
        TEXTS,
    )


def parallels() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    yield it(
        "parallel: functions",
        lambda: RunnableParallel(a=steps.increment, b=steps.double, c=RunnablePassthrough()),
        INTS,
    )
    yield it("parallel: of nothing", lambda: RunnableParallel({}), INTS)
    yield it(
        "parallel: every merge",
        lambda: RunnableParallel(
            words=words,
            snapshots=snapshots,
            list=RunnableGenerator(steps.letters),
            total=RunnableGenerator(steps.lengths, merge=steps.total),
            whole=steps.shout,
            same=RunnablePassthrough(),
        ),
        TEXTS,
    )
    yield it(
        "parallel: nested",
        lambda: RunnableParallel(
            a={"x": words, "y": {"z": snapshots}}, b=words | {"c": steps.shout}
        ),
        TEXTS,
    )
    yield it(
        "parallel: async branch",
        lambda: RunnableParallel(a=steps.aincrement, b=steps.double),
        INTS,
        sync=False,
    )
    yield it(
        "parallel: a branch fails",
        lambda: RunnableParallel(a=steps.odd_only, b=steps.double, name="both"),
        INTS,
    )
    yield it(
        "parallel: a branch fails on the way",
        lambda: RunnableParallel(a=steps.until_mark, b=steps.shout),
        TEXTS,
    )


def shapes() -> Iterator[Specimen]:
    words = RunnableLambda(steps.words)
    snapshots = RunnableLambda(steps.growing, merge="last")
    text = RunnablePick("text")
    yield it("passthrough", lambda: RunnablePassthrough(), ANY)
    yield it("passthrough: with a function", lambda: RunnablePassthrough(steps.odd_only), INTS)
    yield it(
        "passthrough: with an async function",
        lambda: RunnablePassthrough(steps.aodd_only),
        INTS,
        sync=False,
    )
    yield it("passthrough: snapshots", lambda: snapshots | RunnablePassthrough(), TEXTS)
    yield it(
        "assign",
        lambda: RunnablePassthrough.assign(words=text | words, more=lambda it: it["number"] + 1),
        DICTS | INTS,
    )
    yield it(
        "assign: over a key",
        lambda: RunnablePassthrough.assign(text=text | snapshots, new=RunnablePassthrough()),
        DICTS,
    )
    yield it(
        "assign: to snapshots",
        lambda: RunnableParallel(a=snapshots, b=words).assign(
            a=RunnablePick("a") | steps.shout, c=RunnablePick("b")
        ),
        TEXTS,
    )
    yield it("pick: one key", lambda: RunnablePick("text"), DICTS | INTS)
    yield it("pick: some keys", lambda: RunnablePick(["number", "absent"]), DICTS)
    yield it("pick: no such key", lambda: RunnablePick("absent"), DICTS)
    yield it(
        "pick: snapshots",
        lambda: RunnableParallel(a=snapshots, b=words).pick("a") | steps.shout,
        TEXTS,
    )
    yield it(
        "pick: snapshots and pieces",
        lambda: RunnableParallel(a=snapshots, b=words, c=words).pick(["a", "b"]),
        TEXTS,
    )
    lists, no_number_twice = st.lists(INTS, max_size=4), st.lists(INTS, max_size=4, unique=True)
    yield it("map", lambda: RunnableLambda(steps.double).map(), lists | INTS)
    yield it("map: fails", lambda: RunnableLambda(steps.only_small).map(), no_number_twice)
    yield it("map: pieces", lambda: words.map(), st.lists(TEXTS, max_size=4))
    yield it("map: snapshots", lambda: snapshots.map(), st.lists(TEXTS, max_size=4))
    yield it(
        "map: of maps",
        lambda: RunnableLambda(steps.double).map().map(),
        st.lists(lists, max_size=3),
    )
    yield it("map: async", lambda: RunnableLambda(steps.aincrement).map(), lists, sync=False)
    yield it(
        "map: after pieces",
        lambda: RunnableGenerator(steps.letters) | RunnableLambda(steps.shout).map(),
        TEXTS,
    )
