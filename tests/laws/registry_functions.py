"""Functions, generators and users' own classes for the registry."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from runnables import RunnableGenerator, RunnableLambda
from tests.laws import steps
from tests.laws.specimens import ANY, INTS, STRINGS, Specimen, specimen


def lambdas() -> Iterator[Specimen]:
    of = RunnableLambda
    yield specimen("lambda: sync", lambda: of(steps.increment), INTS)
    yield specimen("lambda: async", lambda: of(steps.aincrement), INTS, sync=False)
    yield specimen("lambda: both", lambda: of(steps.odd_only, steps.aodd_only), INTS)
    yield specimen("lambda: quick", lambda: of(steps.odd_only, blocking=False), INTS)
    yield specimen("lambda: config", lambda: of(steps.tags_of), STRINGS)
    yield specimen("lambda: partial", lambda: of(functools.partial(steps.add, other=2)), INTS)
    yield specimen("lambda: object", lambda: of(steps.Adder(2)), INTS)
    yield specimen("lambda: method", lambda: of(steps.Adder(2).method), INTS)
    yield specimen("lambda: builtin", lambda: of(len), STRINGS)
    yield specimen("lambda: class", lambda: of(str), ANY)
    yield specimen("lambda: returns a runnable", lambda: of(steps.choose), INTS)
    yield specimen("lambda: returns a runnable, async", lambda: of(steps.achoose), INTS, sync=False)
    yield specimen("lambda: returns a stream", lambda: of(steps.choose_stream), STRINGS)
    yield specimen("lambda: generator", lambda: of(steps.words), STRINGS)
    yield specimen("lambda: async generator", lambda: of(steps.awords), STRINGS, sync=False)
    yield specimen("lambda: both generators", lambda: of(steps.words, steps.awords), STRINGS)
    yield specimen("lambda: snapshots", lambda: of(steps.growing, merge="last"), STRINGS)
    yield specimen(
        "lambda: both snapshots",
        lambda: of(steps.growing, steps.agrowing, merge="last"),
        STRINGS,
    )
    yield specimen("lambda: own merge", lambda: of(steps.countdown, merge=steps.total), INTS)
    yield specimen("lambda: no merge", lambda: of(steps.countdown), INTS)
    yield specimen("lambda: fails midway", lambda: of(steps.stumble), STRINGS)
    yield specimen("lambda: yields dicts", lambda: of(steps.pairs), INTS)
    yield specimen("lambda: yields nothing", lambda: of(steps.nothing), INTS)


def generators() -> Iterator[Specimen]:
    of = RunnableGenerator
    yield specimen("generator: str", lambda: of(steps.uppercase), STRINGS)
    yield specimen("generator: async", lambda: of(steps.auppercase), STRINGS, sync=False)
    yield specimen("generator: both", lambda: of(steps.uppercase, steps.auppercase), STRINGS)
    yield specimen("generator: list", lambda: of(steps.letters), STRINGS)
    yield specimen("generator: dict", lambda: of(steps.both_ways), STRINGS)
    yield specimen("generator: snapshots", lambda: of(steps.so_far, merge="last"), STRINGS)
    yield specimen(
        "generator: async snapshots", lambda: of(steps.aso_far, merge="last"), STRINGS, sync=False
    )
    yield specimen("generator: own merge", lambda: of(steps.lengths, merge=steps.total), STRINGS)
    yield specimen("generator: fails midway", lambda: of(steps.until_mark), STRINGS)
    yield specimen("generator: at the end", lambda: of(steps.backwards), STRINGS)


def users_classes() -> Iterator[Specimen]:
    yield specimen("user: invoke", lambda: steps.OnlyInvoke(), INTS)
    yield specimen("user: invoke, ainvoke", lambda: steps.BothInvokes(), INTS)
    yield specimen("user: ainvoke", lambda: steps.OnlyAinvoke(), INTS, sync=False)
    yield specimen("user: stream", lambda: steps.OnlyStream(), STRINGS)
    yield specimen("user: astream", lambda: steps.OnlyAstream(), STRINGS, sync=False)
    yield specimen("user: transform", lambda: steps.OnlyTransform(), STRINGS)
    yield specimen("user: atransform", lambda: steps.OnlyAtransform(), STRINGS, sync=False)
    yield specimen("user: invoke, stream", lambda: steps.InvokeAndStream(), STRINGS)
    yield specimen("user: everything", lambda: steps.Everything(), STRINGS)
    yield specimen(
        "user: invokes another",
        lambda: steps.InvokesAnother(RunnableLambda(steps.odd_only) | steps.double),
        INTS,
    )
    yield specimen("user: in a chain", lambda: steps.OnlyInvoke() | steps.BothInvokes(), INTS)
