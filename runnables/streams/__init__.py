"""Streams: closing, collecting, tee, interleaving, and crossings between the colours."""

from runnables.streams.crossing import FromHome, in_threads
from runnables.streams.interleave import aalongside, ainterleave, alongside, interleave
from runnables.streams.stream import (
    AsyncStream,
    Declared,
    Stream,
    aclose,
    close,
    inner,
    may_restart,
    merge_of,
)
from runnables.streams.tee import ATee, Tee
from runnables.streams.whole import ABSENT, AOnce, Once, acollect, collect, given

__all__ = [
    "ABSENT",
    "AOnce",
    "ATee",
    "AsyncStream",
    "Declared",
    "FromHome",
    "Once",
    "Stream",
    "Tee",
    "aalongside",
    "aclose",
    "acollect",
    "ainterleave",
    "alongside",
    "close",
    "collect",
    "given",
    "in_threads",
    "inner",
    "may_restart",
    "interleave",
    "merge_of",
]
