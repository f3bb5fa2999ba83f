"""What can be said of a chain before it runs: which steps stream, wait, run at once, are batched.

A reader follows the data through the chain, as a stream would, and notes what each step declares:
whether it works on chunks (`streams_input`), how its chunks merge, how many inputs it takes at
once (`max_batch_size`), whether rows of a batch meet inside of it (`_has_row`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from runnables.agents.agent import Agent
from runnables.agents.executor import AgentExecutor
from runnables.cache.runnable import RunnableCache
from runnables.compose.assign import RunnableAssign
from runnables.compose.binding import RunnableBinding
from runnables.compose.branch import RouterRunnable, RunnableBranch
from runnables.compose.configurable import ConfiguredRunnable, RunnableConfigurableAlternatives
from runnables.compose.functions import RunnableLambda
from runnables.compose.map import RunnableEach
from runnables.compose.non_blocking import NonBlockingStep
from runnables.compose.parallel import RunnableParallel
from runnables.compose.passthrough import RunnablePassthrough, RunnablePick
from runnables.compose.policies.fallbacks import RunnableWithFallbacks
from runnables.compose.policies.retry import RunnableRetry
from runnables.compose.policies.timeout import RunnableTimeout
from runnables.compose.runnable import Runnable
from runnables.compose.sequence import RunnableSequence
from runnables.compose.wrappers import Wrapper
from runnables.core.contract import BaseRunnable
from runnables.core.rows import has_bulk_steps
from runnables.core.signatures import is_generator
from runnables.engine.merging import SNAPSHOTS, comes_in_parts
from runnables.graph.labels import label, name_of
from runnables.models.language_model import LanguageModel
from runnables.parsers.repair import RepairLoop

Path: TypeAlias = "tuple[str, ...]"


@dataclass(frozen=True)
class Chunks:
    """What is known of a stream.

    Attributes:
        several: whether there may be more than one chunk.
        in_parts: whether each chunk is the next part of the value.
        keys: the streams of the keys of a dict, where they are known.
    """

    several: bool
    in_parts: bool = True
    keys: Mapping[str, Chunks] = field(default_factory=dict[str, "Chunks"])


ONE: Final = Chunks(several=False)


@dataclass
class Findings:
    """What was found, as sentences without their end.

    Attributes:
        streams: the steps that make chunks, or work on them as they come.
        waits: the steps where a stream waits for its end, and why.
        at_once: what runs at once.
        batched: the steps that take many inputs in one call.
        output: the stream of the whole chain.
    """

    streams: list[str] = field(default_factory=list[str])
    waits: list[str] = field(default_factory=list[str])
    at_once: list[str] = field(default_factory=list[str])
    batched: list[str] = field(default_factory=list[str])
    output: Chunks = ONE


def findings_in(runnable: Runnable[Any, Any]) -> Findings:
    """Return what can be said of a chain."""
    reader = _Reader()
    reader.findings.output = reader.read(runnable, (), ONE)
    return reader.findings


class _Reader:
    """Follows the data through a chain.

    Attributes:
        findings: what was found so far.
    """

    def __init__(self) -> None:
        self.findings = Findings()
        self._whole: str | None = None

    def read(self, runnable: Any, path: Path, given: Chunks) -> Chunks:
        """Read a step, and return what is known of its stream.

        Args:
            runnable: the step.
            path: where it is.
            given: the stream of its input.
        """
        where = _where(path, runnable)
        if not isinstance(runnable, Wrapper) and _takes_many(runnable):
            self._note_bulk(runnable, where)
        if given.several and not runnable.streams_input:
            self.findings.waits.append(f"{where}: {_why_it_waits(runnable)}")
            given = ONE
        for kind, read in _READERS:
            if isinstance(runnable, kind):
                return read(self, runnable, path, given)
        inside = [(f"{name_of(child)} in it", child) for child in runnable._children()]
        self._within(runnable, path, inside)
        return self._leaf(runnable, where, given)

    def _note_bulk(self, runnable: Any, where: str) -> None:
        takes = f"{where} takes up to {runnable.max_batch_size:,} inputs in one call"
        if self._whole is not None:
            takes += f", but here one: {self._whole}"
        self.findings.batched.append(takes)

    def _within(self, runnable: Any, path: Path, parts: Iterable[tuple[str, Any]]) -> list[Chunks]:
        """Read the parts of a runnable, each of which gets a whole input."""
        outer = self._whole
        if self._whole is None and not runnable._has_row():
            self._whole = f"{name_of(runnable)} runs as a whole"
        try:
            return [self.read(part, (*path, label), ONE) for label, part in parts]
        finally:
            self._whole = outer

    # -- single steps

    def _leaf(self, runnable: Any, where: str, given: Chunks) -> Chunks:
        works_on_chunks = given.several and runnable.streams_input
        if works_on_chunks and isinstance(runnable, NonBlockingStep) and not given.in_parts:
            self.findings.waits.append(
                f"{where}: the chunks before it are no parts of a string, so it waits for the last"
            )
            return ONE
        if works_on_chunks:
            self.findings.streams.append(f"{where} works on chunks as they come")
        elif _makes_chunks(runnable):
            if not isinstance(runnable, NonBlockingStep):
                self.findings.streams.append(f"{where} yields its output in chunks")
        else:
            return ONE
        return Chunks(several=True, in_parts=comes_in_parts(runnable.merge))

    def _passthrough(self, runnable: RunnablePassthrough[Any], path: Path, given: Chunks) -> Chunks:
        return given

    def _pick(self, runnable: RunnablePick[Any], path: Path, given: Chunks) -> Chunks:
        keys = runnable.keys
        if isinstance(keys, str):
            return given.keys.get(keys, Chunks(given.several, given.in_parts))
        picked = {key: chunks for key, chunks in given.keys.items() if key in keys}
        return Chunks(given.several, given.in_parts, picked)

    # -- what chains are made of

    def _sequence(self, runnable: RunnableSequence[Any, Any], path: Path, given: Chunks) -> Chunks:
        count = len(runnable.steps)
        for number, step in enumerate(runnable.steps, 1):
            place = f"step {number} of {count} ({_short_name(step)})"
            given = self.read(step, path if count == 1 else (*path, place), given)
        return given

    def _parallel(self, runnable: RunnableParallel[Any], path: Path, given: Chunks) -> Chunks:
        keys = self._branches(runnable, path, given)
        several = len(keys) > 1 or any(chunks.several for chunks in keys.values())
        if several:
            where = _where(path, runnable)
            self.findings.streams.append(f"{where} yields what its branches yield, as it comes")
        return Chunks(several, in_parts=False, keys=keys)

    def _assign(self, runnable: RunnableAssign, path: Path, given: Chunks) -> Chunks:
        where = _where(path, runnable)
        if given.several:
            self.findings.streams.append(
                f"{where} passes the dict on as it comes; the new keys follow at its end"
            )
        keys = self._branches(runnable.mapper, path, ONE)
        return Chunks(several=True, in_parts=False, keys={**given.keys, **keys})

    def _branches(
        self, runnable: RunnableParallel[Any], path: Path, given: Chunks
    ) -> dict[str, Chunks]:
        shown = ", ".join(f'"{label(key)}"' for key in runnable.branches)
        if len(runnable.branches) > 1:
            place = f"{', '.join(path)}: " if path else ""
            self.findings.at_once.append(f"{place}the branches {shown}")
        return {
            key: self.read(branch, (*path, f'branch "{label(key)}"'), given)
            for key, branch in runnable.branches.items()
        }

    def _each(self, runnable: RunnableEach[Any, Any], path: Path, given: Chunks) -> Chunks:
        where = _where(path, runnable)
        self.findings.at_once.append(f"{where}: the items of the list")
        self.findings.streams.append(f"{where} yields what its items yield, as it comes")
        self._within(runnable, path, [("each item", runnable.bound)])
        return Chunks(several=True, in_parts=False)

    def _branch(self, runnable: RunnableBranch[Any, Any], path: Path, given: Chunks) -> Chunks:
        parts = [(f"if {name_of(when)}", part) for when, part in runnable.branches]
        return self._one_of(runnable, path, [*parts, ("else", runnable.default)])

    def _router(self, runnable: RouterRunnable[Any], path: Path, given: Chunks) -> Chunks:
        parts = runnable.runnables.items()
        return self._one_of(
            runnable, path, [(f'route "{label(key)}"', part) for key, part in parts]
        )

    def _fallbacks(
        self, runnable: RunnableWithFallbacks[Any, Any], path: Path, given: Chunks
    ) -> Chunks:
        first, *others = runnable.runnables
        parts = [(f"fallback {number}", part) for number, part in enumerate(others, 1)]
        return self._one_of(runnable, path, [("first attempt", first), *parts])

    def _one_of(self, runnable: Any, path: Path, parts: list[tuple[str, Any]]) -> Chunks:
        outputs = self._within(runnable, path, parts)
        several = any(output.several for output in outputs)
        return Chunks(several, all(output.in_parts for output in outputs))

    def _repair(self, runnable: RepairLoop[Any], path: Path, given: Chunks) -> Chunks:
        where = _where(path, runnable)
        self._within(runnable, path, [("first attempt", runnable.first)])
        if runnable.merge is not SNAPSHOTS:
            return ONE
        if given.several:
            self.findings.streams.append(f"{where} works on chunks as they come")
        return Chunks(several=True, in_parts=False)

    def _agent(self, runnable: Any, path: Path, given: Chunks) -> Chunks:
        where = _where(path, runnable)
        children = list(runnable._children())
        if len(children) > 2:
            self.findings.at_once.append(f"{where}: the tools of one answer")
        self.findings.streams.append(f"{where} yields each step of its work")
        self._within(runnable, path, [(f"its {name_of(part)}", part) for part in children])
        return Chunks(several=True, in_parts=False)

    # -- what is around others

    def _same(self, runnable: Any, path: Path, given: Chunks) -> Chunks:
        """Read a runnable that hands its input on to the one inside as it is."""
        return self.read(runnable._wrapped(), path, given)

    def _binding(self, runnable: RunnableBinding[Any, Any], path: Path, given: Chunks) -> Chunks:
        if (limit := runnable.config.get("max_concurrency")) is not None:
            where = _where(path, runnable)
            self.findings.at_once.append(f"{where}: at most {limit} calls, for each input")
        return self.read(runnable.bound, path, given)

    def _alternatives(
        self, runnable: RunnableConfigurableAlternatives[Any, Any], path: Path, given: Chunks
    ) -> Chunks:
        outputs = [
            self.read(part, (*path, f'alternative "{label(key)}"'), given)
            for key, part in {
                runnable.default_key: runnable.default,
                **runnable.alternatives,
            }.items()
            if isinstance(part, Runnable)
        ]
        several = any(output.several for output in outputs)
        return Chunks(several, all(output.in_parts for output in outputs))

    def _wrapper(self, runnable: Wrapper[Any, Any], path: Path, given: Chunks) -> Chunks:
        outer = self._whole
        if self._whole is None and not runnable._has_row():
            self._whole = f"{_KIND_OF_WRAPPER.get(type(runnable), name_of(runnable))} is around it"
        try:
            return self.read(runnable._wrapped(), path, given)
        finally:
            self._whole = outer


def _takes_many(runnable: Any) -> bool:
    """Tell whether rows of a batch meet in this step itself, not in one of its children."""
    is_leaf = not any(True for _ in runnable._children())
    return runnable._takes_many() or (is_leaf and has_bulk_steps(runnable))


def _where(path: Path, runnable: Any) -> str:
    return ", ".join(path) or _short_name(runnable)


def _short_name(runnable: Any) -> str:
    """Return the name of a step; of a policy around a step, that of the step."""
    children = list(runnable._children())
    if isinstance(runnable, Wrapper) and len(children) == 1 and not runnable.name:
        own = cast("Any", runnable)
        return name_of(own) if isinstance(own, RunnableBinding) else _short_name(children[0])
    return name_of(runnable)


def _makes_chunks(runnable: Any) -> bool:
    """Tell whether a step may yield several chunks for a whole input."""
    if isinstance(runnable, LanguageModel):
        return runnable._writes("_stream") or runnable._writes("_astream")
    if isinstance(runnable, NonBlockingStep):
        return runnable.streams_input
    if isinstance(runnable, RunnableLambda):
        return is_generator(cast("Any", runnable.func or runnable.afunc))
    return cast("Any", type(runnable))._transform is not _WHOLE


_WHOLE: Final[Any] = cast("Any", BaseRunnable)._transform
"""What streams the whole output as one chunk."""

_KIND_OF_WRAPPER: Final[Mapping[type, str]] = {
    RunnableRetry: "a retry",
    RunnableTimeout: "a time limit",
    RunnableCache: "a cache",
}


def _why_it_waits(runnable: Any) -> str:
    """Return why a step needs its whole input."""
    for kind, reason in _REASONS:
        if isinstance(runnable, kind):
            return reason
    if runnable.run_type == "prompt":
        return "a prompt needs all its values"
    return "it needs its whole input"


_REASONS: Final[tuple[tuple[type, str], ...]] = (
    (RunnableLambda, "a function takes a whole value; a generator function would get chunks"),
    (RunnableRetry, "a retry keeps the whole input, for the next attempt"),
    (RunnableWithFallbacks, "the fallbacks get the same whole input"),
    (RunnableTimeout, "a step with a time limit takes a whole input"),
    (RunnableCache, "the whole input is the key of the cache"),
    (RunnableEach, "a map needs the whole list"),
    (RunnableBranch, "the conditions need the whole input"),
    (RouterRunnable, "the key and the input must be there"),
    (LanguageModel, "a model reads a whole prompt"),
)

_READERS: Final[tuple[tuple[type, Callable[[_Reader, Any, Path, Chunks], Chunks]], ...]] = (
    (RunnableSequence, _Reader._sequence),
    (RunnableParallel, _Reader._parallel),
    (RunnableAssign, _Reader._assign),
    (RunnableEach, _Reader._each),
    (RunnableBranch, _Reader._branch),
    (RouterRunnable, _Reader._router),
    (RunnableWithFallbacks, _Reader._fallbacks),
    (RunnablePassthrough, _Reader._passthrough),
    (RunnablePick, _Reader._pick),
    (RunnableBinding, _Reader._binding),
    (RunnableConfigurableAlternatives, _Reader._alternatives),
    (ConfiguredRunnable, _Reader._same),
    (Wrapper, _Reader._wrapper),
    (RepairLoop, _Reader._repair),
    (Agent, _Reader._agent),
    (AgentExecutor, _Reader._agent),
)
"""How each class is read; of several that fit, the first."""
