"""From a runnable to the shape of its picture.

What is made of other runnables is known by its class. A policy around a single step is a note on
it; around several steps it is a frame. What a function calls inside itself cannot be seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from runnables.agents.agent import Agent
from runnables.agents.executor import AgentExecutor
from runnables.compose.assign import RunnableAssign
from runnables.compose.binding import RunnableBinding
from runnables.compose.branch import RouterRunnable, RunnableBranch
from runnables.compose.configurable import (
    ConfiguredRunnable,
    RunnableConfigurableAlternatives,
    RunnableConfiguredCall,
)
from runnables.compose.functions import RunnableLambda
from runnables.compose.generators import RunnableGenerator
from runnables.compose.map import RunnableEach
from runnables.compose.parallel import RunnableParallel
from runnables.compose.policies.fallbacks import RunnableWithFallbacks
from runnables.compose.runnable import Runnable
from runnables.compose.sequence import RunnableSequence
from runnables.compose.wrappers import Wrapper
from runnables.core.config import resolve_scope
from runnables.core.description import checked_config
from runnables.core.signatures import is_generator
from runnables.graph.graph import Graph, Group, Kind, Node
from runnables.graph.labels import label, name_of, type_label
from runnables.graph.notes import notes_of
from runnables.graph.shapes import (
    Attempts,
    Choice,
    Flow,
    Fork,
    Frame,
    Loop,
    Series,
    Shape,
    Step,
    in_order,
)
from runnables.parsers.repair import RepairLoop, RepairParser
from runnables.tools.runnable_tool import RunnableTool

if TYPE_CHECKING:
    from runnables.core.config import RunnableConfig

Notes: TypeAlias = "tuple[str, ...]"

_KINDS: Final = frozenset(
    {"prompt", "chat_model", "llm", "embeddings", "parser", "tool", "retriever"}
)


def graph_of(
    runnable: Runnable[Any, Any], config: RunnableConfig | None = None, xray: bool | int = True
) -> Graph:
    """Return the graph of a runnable.

    Args:
        runnable: the runnable.
        config: a config whose "configurable" chooses alternatives: only the chosen ones are drawn.
        xray: how many chains inside of chains are drawn from inside: all, none, or so many levels.
    """
    scope = resolve_scope(checked_config(runnable, config))
    values: dict[str, Any] = {} if scope is None else scope.get("configurable", {})
    builder = _Builder(values, most=None if xray is True else int(xray))
    shape = builder.whole(runnable)
    flow = Flow(builder.next_id)
    flow.add(shape)
    nodes, edges = in_order(flow)
    groups = {group.id: group for group in builder.groups}
    return Graph(name_of(runnable), nodes, edges, groups, shape)


class _Builder:
    """Makes the shape of one graph.

    Args:
        values: the values of `config["configurable"]`.
        most: how many frames may be within each other; None: any number.

    Attributes:
        groups: the groups so far.
    """

    def __init__(self, values: Mapping[str, Any], most: int | None) -> None:
        self.groups: list[Group] = []
        self._values = values
        self._most = most
        self._group: str | None = None
        self._depth = 0
        self._numbers = itertools.count()

    def next_id(self) -> str:
        """Return an id that no other node has."""
        return f"n{next(self._numbers)}"

    def whole(self, runnable: Runnable[Any, Any]) -> Shape:
        """Return the shape of a chain, from its input to its output."""
        if needed := sorted(runnable._missing_keys(frozenset())):
            given: str | None = label(f"{{{', '.join(needed)}}}")
        else:
            given = type_label(runnable.InputType)
        start = self._node("input", "input", [given] if given else [])
        returned = type_label(runnable.OutputType)
        inside = self._unframed(runnable)
        end = self._node("output", "output", [returned] if returned else [])
        parts = inside.parts if isinstance(inside, Series) else (inside,)
        return Series((Step(start), *parts, Step(end)))

    def _unframed(self, runnable: Any) -> Shape:
        """Return the shape of the whole chain, which needs no frame that says its name."""
        if isinstance(runnable, RunnableSequence):
            return self._series(cast("Any", runnable))
        if isinstance(runnable, RunnableParallel):
            return self._fork(runnable, cast("Any", runnable))
        return self.shape(runnable)

    def shape(self, runnable: Any, notes: Notes = ()) -> Shape:
        """Return the shape of a runnable.

        Args:
            runnable: the runnable.
            notes: what the policies around it say.
        """
        for kind, build in _BUILDERS:
            if isinstance(runnable, kind):
                return build(self, runnable, notes)
        children = list(runnable._children())
        if not children:
            return self._leaf(runnable, notes)
        return self._framed(
            runnable,
            None,
            notes,
            lambda: Loop(
                self._leaf(runnable), tuple(("calls", self.shape(child)) for child in children)
            ),
        )

    # -- nodes and frames

    def _node(self, name: str, kind: Kind, notes: Iterable[str] = (), data: Any = None) -> Node:
        return Node(self.next_id(), name, kind, tuple(notes), self._group, data)

    def _leaf(self, runnable: Any, notes: Notes = ()) -> Step:
        own = () if (more := notes_of(runnable)) is None else (more,)
        return Step(self._node(name_of(runnable), _kind_of(runnable), (*own, *notes), runnable))

    def _framed(
        self, runnable: Any, name: str | None, notes: Notes, inside: Callable[[], Shape]
    ) -> Shape:
        """Return a shape in a frame where it has a name, or policies around it.

        Where frames are as deep as they may be, it is a single node instead.
        """
        title = ", ".join((*([name] if name else []), *notes))
        if not title:
            return inside()
        if self._most is not None and self._depth >= self._most:
            return Step(self._node(name or name_of(runnable), "runnable", notes, runnable))
        group = Group(f"g{len(self.groups)}", title, self._group)
        self.groups.append(group)
        outer, self._group = self._group, group.id
        self._depth += 1
        try:
            return Frame(group, inside())
        finally:
            self._group = outer
            self._depth -= 1

    # -- what chains are made of

    def _sequence(self, runnable: RunnableSequence[Any, Any], notes: Notes) -> Shape:
        if len(runnable.steps) == 1 and runnable.name is None:
            return self.shape(runnable.first, notes)
        named = None if runnable.name is None else label(runnable.name)
        return self._framed(runnable, named, notes, lambda: self._series(runnable))

    def _series(self, runnable: RunnableSequence[Any, Any]) -> Series:
        parts: list[Shape] = []
        for step in runnable.steps:
            part = self.shape(step)
            parts += part.parts if isinstance(part, Series) else (part,)
        return Series(tuple(parts))

    def _parallel(self, runnable: RunnableParallel[Any], notes: Notes) -> Shape:
        named = None if runnable.name is None else label(runnable.name)
        return self._framed(runnable, named, notes, lambda: self._fork(runnable, runnable))

    def _assign(self, runnable: RunnableAssign, notes: Notes) -> Shape:
        return self._framed(
            runnable, None, notes, lambda: self._fork(runnable, runnable.mapper, ("...",))
        )

    def _fork(
        self, runnable: Any, mapper: RunnableParallel[Any], passed_on: tuple[str, ...] = ()
    ) -> Fork:
        """Return branches that meet in a dict, with what is passed on as it is."""
        branches = [(label(key), self.shape(part)) for key, part in mapper.branches.items()]
        keys = label(f"{{{', '.join(map(str, (*passed_on, *mapper.branches)))}}}")
        same = [(key, None) for key in passed_on]
        return Fork((*same, *branches), self._node(keys, "join", data=runnable))

    def _each(self, runnable: RunnableEach[Any, Any], notes: Notes) -> Shape:
        return self._framed(runnable, "for each item", notes, lambda: self.shape(runnable.bound))

    def _branch(self, runnable: RunnableBranch[Any, Any], notes: Notes) -> Shape:
        def inside() -> Choice:
            node = self._node(name_of(runnable), "choice", data=runnable)
            options = [(name_of(when), self.shape(part)) for when, part in runnable.branches]
            return Choice(node, (*options, ("else", self.shape(runnable.default))))

        return self._framed(runnable, None, notes, inside)

    def _router(self, runnable: RouterRunnable[Any], notes: Notes) -> Shape:
        def inside() -> Choice:
            node = self._node("key", "choice", data=runnable)
            routes = runnable.runnables.items()
            return Choice(node, tuple((label(key), self.shape(part)) for key, part in routes))

        return self._framed(runnable, None, notes, inside)

    def _fallbacks(self, runnable: RunnableWithFallbacks[Any, Any], notes: Notes) -> Shape:
        return self._framed(
            runnable,
            None,
            notes,
            lambda: Attempts(tuple(self.shape(part) for part in runnable.runnables)),
        )

    def _tool(self, runnable: RunnableTool[Any], notes: Notes) -> Shape:
        if not isinstance(runnable.bound, RunnableLambda) and list(runnable.bound._children()):
            return self._framed(
                runnable, f"tool {label(runnable.name)}", notes, lambda: self.shape(runnable.bound)
            )
        return self._leaf(runnable, notes)

    def _repair(self, runnable: RepairLoop[Any], notes: Notes) -> Shape:
        often = "once" if runnable.attempts == 1 else f"up to {runnable.attempts} times"
        if not isinstance(runnable, RepairParser):
            return self.shape(runnable.first, (f"repair: {often}", *notes))
        when = f"if it does not parse, {often}"
        return self._framed(
            runnable,
            None,
            notes,
            lambda: Loop(self.shape(runnable.parser), ((when, self.shape(runnable.model)),)),
        )

    def _agent(self, runnable: Agent[Any], notes: Notes) -> Shape:
        def inside() -> Shape:
            setup = runnable._setup()
            loop = self._loop(runnable.model, setup.tools.runnables.values())
            if setup.structured_model is None:
                return loop
            return Series((loop, self.shape(setup.structured_model)))

        return self._framed(runnable, f"agent {name_of(runnable)}", notes, inside)

    def _executor(self, runnable: AgentExecutor, notes: Notes) -> Shape:
        title = f"agent {name_of(runnable)}"
        return self._framed(
            runnable, title, notes, lambda: self._loop(runnable.agent, runnable.tools)
        )

    def _loop(self, body: Runnable[Any, Any], tools: Iterable[Runnable[Any, Any]]) -> Shape:
        inside = self.shape(body)
        calls = tuple(("calls", self.shape(tool)) for tool in tools)
        return Loop(inside, calls) if calls else inside

    # -- what is around others

    def _binding(self, runnable: RunnableBinding[Any, Any], notes: Notes) -> Shape:
        outer = self._values
        self._values = {**runnable.config.get("configurable", {}), **outer}
        named = runnable.config.get("run_name")
        try:
            if named is None or _is_single(runnable):
                shape = self._wrapper(runnable, notes)
            else:
                shape = self._framed(
                    runnable, label(named), notes, lambda: self._wrapper(runnable, ())
                )
        finally:
            self._values = outer
        return shape if named is None else _renamed(shape, label(named))

    def _wrapper(self, runnable: Wrapper[Any, Any], notes: Notes) -> Shape:
        note = notes_of(runnable)
        return self.shape(runnable._wrapped(), notes if note is None else (note, *notes))

    def _alternatives(
        self, runnable: RunnableConfigurableAlternatives[Any, Any], notes: Notes
    ) -> Shape:
        if runnable.which.id in self._values:
            return self.shape(runnable._chosen(self._values), notes)

        def inside() -> Choice:
            node = self._node(label(runnable.which.id), "choice", ("configurable",), runnable)
            default = (f"{label(runnable.default_key)} (default)", self.shape(runnable.default))
            others = runnable.alternatives.items()
            return Choice(
                node, (default, *((label(key), self._other(key, part)) for key, part in others))
            )

        return self._framed(runnable, None, notes, inside)

    def _other(self, key: str, alternative: Any) -> Shape:
        """Return the shape of an alternative; one that is not made yet is one node."""
        if isinstance(alternative, Runnable):
            return self.shape(alternative)
        return Step(self._node(label(key), "runnable", ("made when chosen",)))

    def _configured(self, runnable: ConfiguredRunnable[Any, Any], notes: Notes) -> Shape:
        note = notes_of(runnable)
        chosen = runnable._chosen(self._values) if self._values else runnable._wrapped()
        return self.shape(chosen, notes if note is None else (note, *notes))

    def _configured_call(self, runnable: RunnableConfiguredCall[Any, Any], notes: Notes) -> Shape:
        return self.shape(runnable.source, (f"{runnable.call.name}(...)", *notes))


def _renamed(shape: Shape, name: str) -> Shape:
    """Return a shape under the name that a binding gives it, where it is a single node."""
    return Step(replace(shape.node, name=name)) if isinstance(shape, Step) else shape


def _is_single(runnable: Any) -> bool:
    """Tell whether a runnable is one step, maybe with policies around it."""
    children = list(runnable._children())
    if isinstance(runnable, Wrapper) and len(children) == 1:
        return _is_single(children[0])
    return not children


def _kind_of(runnable: Any) -> Kind:
    if runnable.run_type in _KINDS:
        return cast("Kind", runnable.run_type)
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    if isinstance(runnable, RunnableGenerator) or (
        isinstance(runnable, RunnableLambda) and is_generator(function)
    ):
        return "generator"
    return "function" if isinstance(runnable, RunnableLambda) else "runnable"


_BUILDERS: Final[tuple[tuple[type[Any], Callable[[_Builder, Any, Notes], Shape]], ...]] = (
    (RunnableSequence, _Builder._sequence),
    (RunnableParallel, _Builder._parallel),
    (RunnableAssign, _Builder._assign),
    (RunnableEach, _Builder._each),
    (RunnableBranch, _Builder._branch),
    (RouterRunnable, _Builder._router),
    (RunnableWithFallbacks, _Builder._fallbacks),
    (RunnableBinding, _Builder._binding),
    (RunnableConfigurableAlternatives, _Builder._alternatives),
    (RunnableConfiguredCall, _Builder._configured_call),
    (ConfiguredRunnable, _Builder._configured),
    (Wrapper, _Builder._wrapper),
    (RunnableTool, _Builder._tool),
    (RepairLoop, _Builder._repair),
    (Agent, _Builder._agent),
    (AgentExecutor, _Builder._executor),
)
"""How each class is drawn; of several that fit, the first."""
