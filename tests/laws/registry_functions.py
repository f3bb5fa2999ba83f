"""Functions, generators and users' own classes for the registry."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from runnables import RunnableGenerator, RunnableLambda
from tests.laws import steps
from tests.laws.specimens import ANY, INTS, TEXTS, Specimen, it


def lambdas() -> Iterator[Specimen]:
    of = RunnableLambda
    yield it("lambda: sync", lambda: of(steps.increment), INTS)
    yield it("lambda: async", lambda: of(steps.aincrement), INTS, sync=False)
    yield it("lambda: both", lambda: of(steps.odd_only, steps.aodd_only), INTS)
    yield it("lambda: quick", lambda: of(steps.odd_only, blocking=False), INTS)
    yield it("lambda: config", lambda: of(steps.tags_of), TEXTS)
    yield it("lambda: partial", lambda: of(functools.partial(steps.add, other=2)), INTS)
    yield it("lambda: object", lambda: of(steps.Adder(2)), INTS)
    yield it("lambda: method", lambda: of(steps.Adder(2).method), INTS)
    yield it("lambda: builtin", lambda: of(len), TEXTS)
    yield it("lambda: class", lambda: of(str), ANY)
    yield it("lambda: gives a runnable", lambda: of(steps.choose), INTS)
    yield it("lambda: gives a runnable, async", lambda: of(steps.achoose), INTS, sync=False)
    yield it("lambda: gives a stream", lambda: of(steps.choose_stream), TEXTS)
    yield it("lambda: generator", lambda: of(steps.words), TEXTS)
    yield it("lambda: async generator", lambda: of(steps.awords), TEXTS, sync=False)
    yield it("lambda: both generators", lambda: of(steps.words, steps.awords), TEXTS)
    yield it("lambda: snapshots", lambda: of(steps.growing, merge="last"), TEXTS)
    yield it(
        "lambda: both snapshots",
        lambda: of(steps.growing, steps.agrowing, merge="last"),
        TEXTS,
    )
    yield it("lambda: own merge", lambda: of(steps.countdown, merge=steps.total), INTS)
    yield it("lambda: no merge", lambda: of(steps.countdown), INTS)
    yield it("lambda: fails on the way", lambda: of(steps.stumble), TEXTS)
    yield it("lambda: yields dicts", lambda: of(steps.pairs), INTS)
    yield it("lambda: yields nothing", lambda: of(steps.nothing), INTS)


def generators() -> Iterator[Specimen]:
    of = RunnableGenerator
    yield it("generator: str", lambda: of(steps.uppercase), TEXTS)
    yield it("generator: async", lambda: of(steps.auppercase), TEXTS, sync=False)
    yield it("generator: both", lambda: of(steps.uppercase, steps.auppercase), TEXTS)
    yield it("generator: list", lambda: of(steps.letters), TEXTS)
    yield it("generator: dict", lambda: of(steps.both_ways), TEXTS)
    yield it("generator: snapshots", lambda: of(steps.so_far, merge="last"), TEXTS)
    yield it(
        "generator: async snapshots", lambda: of(steps.aso_far, merge="last"), TEXTS, sync=False
    )
    yield it("generator: own merge", lambda: of(steps.lengths, merge=steps.total), TEXTS)
    yield it("generator: fails on the way", lambda: of(steps.until_mark), TEXTS)
    yield it("generator: at the end", lambda: of(steps.backwards), TEXTS)


def users_classes() -> Iterator[Specimen]:
    yield it("user: invoke", lambda: steps.OnlyInvoke(), INTS)
    yield it("user: invoke, ainvoke", lambda: steps.BothInvokes(), INTS)
    yield it("user: ainvoke", lambda: steps.OnlyAinvoke(), INTS, sync=False)
    yield it("user: stream", lambda: steps.OnlyStream(), TEXTS)
    yield it("user: astream", lambda: steps.OnlyAstream(), TEXTS, sync=False)
    yield it("user: transform", lambda: steps.OnlyTransform(), TEXTS)
    yield it("user: atransform", lambda: steps.OnlyAtransform(), TEXTS, sync=False)
    yield it("user: invoke, stream", lambda: steps.InvokeAndStream(), TEXTS)
    yield it("user: everything", lambda: steps.Everything(), TEXTS)
    yield it(
        "user: invokes another",
        lambda: steps.InvokesAnother(RunnableLambda(steps.odd_only) | steps.double),
        INTS,
    )
    yield it("user: in a chain", lambda: steps.OnlyInvoke() | steps.BothInvokes(), INTS)
