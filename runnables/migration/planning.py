"""What becomes of each name that code imports from LangChain: decided for all of its cells."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from runnables.migration.answers import (
    MIGRATE,
    Ours,
    Rules,
    Theirs,
    answer_for,
    classic_home,
    is_theirs,
    staying,
)
from runnables.migration.handing import Origins
from runnables.migration.names import COMPANIONS, STAYS_BESIDE, STAYS_WITH, STAYS_WITH_ANY
from runnables.migration.statements import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnables.migration.reading import Code, Dotted

IT: Final = "to_langchain"
"""The function that converts what is handed to LangChain."""

_ALWAYS: Final = frozenset({*dir(builtins), "get_ipython", "display"})
"""Names that code and notebooks have without an import."""


@dataclass
class ModuleName:
    """A name that is bound to a module of LangChain, and what becomes of it.

    Attributes:
        name: the name.
        module: the module.
        path: whether it was bound as `import a.b`, so that its uses spell the module.
        target: our module that the same name is bound to from now on.
        added: our modules that are imported beside it, as its uses are spelled with them.
        stays: whether something uses it as before.
        why: why it stays, if it does.
        is_listed: whether the uses that it stays for are listed by themselves.
    """

    name: str
    module: str
    path: bool
    target: str | None = None
    added: list[str] = field(default_factory=list[str])
    stays: bool = False
    why: str = ""
    is_listed: bool = False


class Plan:
    """The decisions for cells, which see each other's names."""

    def __init__(self, cells: Sequence[Code], rules: Rules = MIGRATE) -> None:
        """Decide.

        Args:
            cells: the cells of a notebook, or one file.
            rules: what becomes of a name that has no counterpart.
        """
        self.rules = rules
        self._bound = {name for code in cells for name in code.bound}
        self._words = {name for code in cells for name in code.words}
        self._cells = cells
        self._keywords = {
            node.arg
            for code in cells
            for node in ast.walk(code.tree)
            if isinstance(node, ast.keyword)
        }
        self._imports = {
            f"{node.module}.{alias.name}"
            for code in cells
            for node in code.imports
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        self._called_with: dict[str, set[str]] = {}
        for code in cells:
            for call in code.calls:
                given = {name for name, _, _ in call.keywords}
                self._called_with.setdefault(call.called[-1], set()).update(given)
        self.imported: dict[str, Ours] = {}
        """Names that are bound to ours by `from` imports, and to nothing else."""
        self.modules: dict[tuple[str, str], ModuleName] = {}
        """Names of modules, by name and module."""
        self._roots: dict[str, set[str]] = {}
        self._staying: set[str] = set()
        for code in cells:
            for node in code.imports:
                self._note(node)
        for found in self.modules.values():
            self._decide(found)
        origins = Origins(cells, self.called, self._stays)
        self.handed: list[list[ast.expr]] = origins.places()
        """For each cell the expressions that are handed to LangChain, and need a conversion."""
        self.invoked: list[list[ast.expr]] = origins.calls_of_models()
        """For each cell the models that it calls like a function."""
        self.importing: ast.stmt | None = None
        """The import statement behind which `to_langchain` is imported."""
        if any(self.handed) and not self._imports_it():
            self.importing = self._place_of_import()
            if self.importing is None:
                self.handed = [list[ast.expr]() for _ in cells]

    def answer(self, module: str, name: str) -> Ours | Theirs:
        """Return what becomes of a name that a `from` import names."""
        found = answer_for(module, name, self.rules)
        leader = COMPANIONS.get(name, name)
        if isinstance(found, Ours) and leader in STAYS_WITH:
            given = STAYS_WITH[leader] & self._called_with.get(leader, set())
            given |= STAYS_WITH_ANY.get(leader, frozenset()) & self._keywords
            beside = STAYS_BESIDE.get(leader, frozenset()) & self._imports
            if (given or beside) and module.partition(".")[0] not in self.rules.made_ours:
                names = [*(f"{name}=" for name in sorted(given)), *sorted(beside)]
                why = f"It stays LangChain's with {', '.join(names)}"
                why = f"{why}: the one that is here takes none of these."
                return Theirs(why, classic_home(module, name))
        return found

    def targets_of_alias(self, node: ast.ImportFrom, alias: ast.alias) -> list[Target] | None:
        """Return what a name of a `from` import becomes; None: it stays."""
        module, bound = node.module or "", alias.asname or alias.name
        if alias.name == "*":
            return self._star(module)
        if (found := self.modules.get((bound, f"{module}.{alias.name}"))) is not None:
            return _module_targets(found)
        answer = self.answer(module, alias.name)
        if isinstance(answer, Ours):
            return [Target(*answer, bound)]
        return None if answer.module is None else [Target(answer.module, alias.name, bound)]

    def targets_of_module(self, alias: ast.alias) -> list[Target] | None:
        """Return what a module of an `import` becomes; None: it stays."""
        found = self.modules.get(_key(alias))
        return None if found is None else _module_targets(found)

    def module_name(self, alias: ast.alias) -> ModuleName | None:
        """Return what was decided for a module of an `import`."""
        return self.modules.get(_key(alias))

    def replaced(self, dotted: Dotted) -> tuple[int, str] | None:
        """Return what a dotted name begins with from now on, and how many names it replaces."""
        owner = self._owner(dotted)
        if owner is None or owner.why:
            return None
        found = self._resolved(owner, dotted)
        if found is None:
            return None
        count, ours = found
        root = ours.module if owner.target is None else owner.name
        new = f"{root}.{ours.name}"
        return None if new == ".".join(dotted.parts[:count]) else (count, new)

    def missing(self, dotted: Dotted) -> tuple[str, str] | None:
        """Return what a dotted name reads of a module of LangChain that is not here, and why."""
        owner = self._owner(dotted)
        if owner is None or len(dotted.parts) < 2 or self._resolved(owner, dotted) is not None:
            return None
        parts = (owner.name if owner.path else owner.module, *dotted.parts[1:])
        last = next((n for n, part in enumerate(parts) if n and not part.islower()), len(parts) - 1)
        module, name = ".".join(parts[:last]), parts[last]
        answer = answer_for(module, name, MIGRATE)
        return (f"{module}.{name}", answer.why) if isinstance(answer, Theirs) else None

    def called(self, parts: tuple[str, ...]) -> Ours | None:
        """Return our name for what a call names, where that is certain."""
        if len(parts) == 1:
            return None if parts[0] in self._bound else self.imported.get(parts[0])
        for found in self.modules.values():
            if found.name == parts[0] and not found.why:
                for count, ours in self._answers(found, parts):
                    if count == len(parts):
                        return ours
        return None

    def _stays(self, name: str) -> bool:
        """Tell whether a name is imported from LangChain, stays, and is bound to nothing else."""
        return name in self._staying and name not in self._bound and name not in self.imported

    def _imports_it(self) -> bool:
        return any(
            isinstance(node, ast.ImportFrom)
            and node.module == "runnables"
            and any(alias.name == IT and alias.asname is None for alias in node.names)
            for code in self._cells
            for node in code.tree.body
        )

    def _place_of_import(self) -> ast.stmt | None:
        """Return an import of LangChain that is before what is handed to it, if there is one.

        It is the first of those that become imports from `runnables`, or else the first of all.
        """
        if IT in self._bound or IT in self._roots:
            return None
        found: list[ast.stmt] = []
        for code, places in zip(self._cells, self.handed, strict=True):
            first = min((place.lineno for place in places), default=None)
            found += [
                node
                for node in code.tree.body
                if any(node is other for other in code.imports)
                and (first is None or node.lineno < first)
            ]
            if places:
                break
        return next(filter(self._becomes_ours, found), found[0] if found else None)

    def _becomes_ours(self, node: ast.stmt) -> bool:
        return isinstance(node, ast.ImportFrom) and any(
            isinstance(answer := self.answer(node.module or "", alias.name), Ours)
            and answer.module == "runnables"
            for alias in node.names
        )

    def _note(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                if is_theirs(alias.name):
                    name, module = _key(alias)
                    path = alias.asname is None
                    self.modules.setdefault((name, module), ModuleName(name, module, path))
                    self._roots.setdefault(name, set()).add("." if path else module)
                continue
            module, bound = node.module or "", alias.asname or alias.name
            answer = self.answer(module, alias.name)
            whole = f"{module}.{alias.name}"
            self._roots.setdefault(bound, set()).add(whole)
            if isinstance(answer, Theirs) and not self._is_module(alias.name, bound, whole):
                self._staying.add(bound)
            if isinstance(answer, Ours) and not self._is_module(alias.name, bound, whole):
                self.imported[bound] = answer
            elif self._is_module(alias.name, bound, whole):
                self.modules[bound, whole] = ModuleName(bound, whole, path=False)

    def _is_module(self, name: str, bound: str, whole: str) -> bool:
        """Tell whether a name that is imported from a module is a module, from its uses."""
        if not name.islower():
            return False
        uses = [d for code in self._cells for d in code.dotted if d.parts[0] == bound]
        trial = ModuleName(bound, whole, path=False)
        return any(next(self._answers(trial, use.parts), None) is not None for use in uses)

    def _owner(self, dotted: Dotted) -> ModuleName | None:
        """Return the name of a module that a dotted name begins with."""
        owners = [found for found in self.modules.values() if found.name == dotted.parts[0]]
        fitting = [
            found for found in owners if not found.path or _begins(dotted.parts, found.module)
        ]  # what is loaded by another import than its own falls to any of them
        return max(fitting or owners[:1], key=lambda found: len(found.module), default=None)

    def _uses(self, owner: ModuleName) -> list[Dotted]:
        return [
            dotted
            for code in self._cells
            for dotted in code.dotted
            if dotted.parts[0] == owner.name and self._owner(dotted) is owner
        ]

    def _answers(self, owner: ModuleName, parts: tuple[str, ...]) -> Iterator[tuple[int, Ours]]:
        """Yield the readings of a dotted name, the longest first."""
        start = owner.name if owner.path else owner.module
        for count in range(len(parts), 1, -1):
            module = ".".join((start, *parts[1 : count - 1]))
            if all(part.islower() for part in parts[1 : count - 1]):
                answer = answer_for(module, parts[count - 1], MIGRATE)
                if isinstance(answer, Ours):
                    yield count, answer

    def _resolved(self, owner: ModuleName, dotted: Dotted) -> tuple[int, Ours] | None:
        return next(self._answers(owner, dotted.parts), None)

    def _decide(self, owner: ModuleName) -> None:
        """Decide what becomes of the name of a module."""
        uses = self._uses(owner)
        answers = [self._resolved(owner, use) for use in uses]
        found = [answer[1] for answer in answers if answer is not None]
        modules = list(dict.fromkeys(ours.module for ours in found))
        owner.stays = len(found) < len(uses) or owner.name in self._words or not uses
        owner.is_listed = any(self.missing(use) is not None for use in uses)
        if not uses or not found:
            owner.why = self._unused(owner, bool(uses))
        elif len(self._roots[owner.name]) > 1 or owner.name in self._bound:
            owner.why = "The name is bound to something else, too: change it by hand."
            owner.stays = True
        elif not owner.stays and not owner.path and len(modules) == 1:
            owner.target = modules[0]
        elif any(self._is_taken(module) for module in modules):
            owner.why = "The name of our package is bound to something else: change it by hand."
            owner.stays = True
        else:
            owner.added = modules

    def _unused(self, owner: ModuleName, is_used: bool) -> str:
        if not is_used and owner.name not in self._words:
            return "Nothing here uses it: leave it out."
        if (stays := staying(owner.module)) is not None:
            return f"It stays LangChain's: {stays}."
        return "Nothing that it is used for is here."

    def _is_taken(self, module: str) -> bool:
        root = module.partition(".")[0]
        return root in self._bound or root in self._roots

    def _star(self, module: str) -> list[Target] | None:
        """Return the imports in the place of a star import, where it is sure what it gives."""
        if any(code.other_star for code in self._cells):
            return None
        used = {d.parts[0] for code in self._cells for d in code.dotted}
        known = {*self._bound, *_ALWAYS, *self._roots}
        names = sorted(name for name in used - known if not name.startswith("__"))
        answers = {name: answer_for(module, name, MIGRATE) for name in names}
        modules: dict[str, list[str]] = {}
        for name, answer in answers.items():
            if not isinstance(answer, Ours) or answer.name != name:
                return None
            modules.setdefault(answer.module, []).append(name)
        return [Target(home, None, None, tuple(names)) for home, names in modules.items()] or None


def _key(alias: ast.alias) -> tuple[str, str]:
    return alias.asname or alias.name.partition(".")[0], alias.name


def _begins(parts: tuple[str, ...], module: str) -> bool:
    of = tuple(module.split("."))
    return parts[: len(of)] == of


def _module_targets(found: ModuleName) -> list[Target] | None:
    """Return what is imported in the place of a module; None: it stays as it is."""
    if found.why:
        return None
    if found.target is not None:
        return [Target(found.target, None, found.name)]
    added = [Target(module, None, None) for module in found.added]
    kept = [Target(found.module, None, None if found.path else found.name)] if found.stays else []
    return [*kept, *added]
