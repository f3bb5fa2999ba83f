"""Code is changed: a file, or the cells of a notebook, and what stays is listed."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from runnables.migration.answers import MIGRATE, Rules, Theirs, is_theirs
from runnables.migration.comments import above, comments, lost
from runnables.migration.names import (
    KEYWORDS,
    METHODS,
    NO_KEYWORD,
    NO_METHOD,
    PYDANTIC,
    PYDANTIC_CHANGED,
)
from runnables.migration.planning import IT, Plan
from runnables.migration.reading import Code, UnreadableCode, read
from runnables.migration.statements import changed_from, changed_import

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnables.migration.planning import ModuleName
    from runnables.migration.reading import Call

_PLAIN_IMPORT: Final = re.compile(r"from runnables import \w+(?:, \w+)*")
_IN_STRING: Final = re.compile(r"(?:langchain|langserve)[\w]*(?:\.\w+)+")


class Finding(NamedTuple):
    """Something that has no counterpart, or is to be changed by hand.

    Attributes:
        line: where it is, from 1.
        what: what it is.
        why: why it stays, and what to do: whole sentences.
    """

    line: int
    what: str
    why: str


@dataclass
class Migrated:
    """Code after the change.

    Attributes:
        text: the code.
        findings: what has no counterpart, in order.
    """

    text: str
    findings: list[Finding] = field(default_factory=list[Finding])


def migrate_source(text: str, rules: Rules = MIGRATE) -> Migrated:
    """Return code for LangChain with our imports and keywords.

    Args:
        text: the code of a module.
        rules: what becomes of a name that has no counterpart.

    Raises:
        UnreadableCode: it does not parse, or is nested too deeply for Python's parser.

    Example:
        >>> migrate_source("from langchain_core.prompts import ChatPromptTemplate").text
        'from runnables import ChatPromptTemplate'
    """
    return migrate_cells([read(text)], rules)[0]


def migrate_cells(cells: Sequence[Code], rules: Rules = MIGRATE) -> list[Migrated]:
    """Return cells of code that see each other's names, with our imports and keywords.

    Args:
        cells: the cells, as `read` returns them.
        rules: what becomes of a name that has no counterpart.

    Raises:
        UnreadableCode: a cell would not parse any more; nothing is to be written then.
    """
    plan = Plan(cells, rules)
    found = [_migrated(code, plan, number) for number, code in enumerate(cells)]
    for code, migrated in zip(cells, found, strict=True):
        if migrated.text != code.text:
            try:
                ast.parse(migrated.text)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                raise UnreadableCode(f"cannot be changed: it would not parse: {error}") from None
    return found


class _Edits:
    """Changes of a string, each of a part of its own."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._changes: list[tuple[int, int, str]] = []

    def replace(self, start: int, end: int, new: str) -> None:
        if self._code.text[start:end] != new:
            self._changes.append((start, end, new))

    def statement(self, start: int, end: int, statements: Sequence[str]) -> None:
        """Put statements in the place of one; its comments stay, above them if not within."""
        code = self._code
        if missing := lost(code.text[start:end], statements):
            place, lines = above(code, start, missing)
            self.replace(place, place, lines)
        self.replace(start, end, _joined(code, start, end, statements))

    def text(self) -> str:
        text = self._code.text
        for start, end, new in sorted(self._changes, reverse=True):
            text = text[:start] + new + text[end:]
        return text


def _migrated(code: Code, plan: Plan, number: int) -> Migrated:
    edits = _Edits(code)
    for model in plan.invoked[number]:
        _, end = code.span(model)
        edits.replace(end, end, ".invoke")
    for value in plan.handed[number]:
        start, end = code.span(value)
        edits.replace(start, start, f"{IT}(")
        edits.replace(end, end, ")")
    findings = [found for node in code.imports for found in _change_import(code, plan, node, edits)]
    for dotted in code.dotted:
        if (found := plan.replaced(dotted)) is not None:
            count, new = found
            start, end = dotted.spans[count - 1]
            edits.replace(start, end, _with_comments(new, comments(code.text[start:end]), code))
        elif (what := plan.missing(dotted)) is not None:
            findings.append(Finding(dotted.line, *what))
    for call in code.calls:
        findings += _change_keywords(call, plan, edits)
    if plan.modules or plan.imported:
        findings += _methods(code, plan)
    findings += [
        Finding(line, repr(text), "A string names a module of LangChain: change it by hand.")
        for text, line in code.strings
        if _IN_STRING.fullmatch(text) and is_theirs(text)
    ]
    return Migrated(edits.text(), sorted(set(findings)))


def _change_import(
    code: Code, plan: Plan, node: ast.Import | ast.ImportFrom, edits: _Edits
) -> Iterator[Finding]:
    start, end = code.span(node)
    statement = code.text[start:end]
    if isinstance(node, ast.Import):
        targets = [plan.targets_of_module(alias) for alias in node.names]
        if any(target is not None for target in targets):
            statement = changed_import(statement, targets)
        edits.statement(start, end, _with_it([statement], plan, node))
        yield from _module_findings(plan, node)
        return
    targets = [plan.targets_of_alias(node, alias) for alias in node.names]
    statements = [statement]
    if any(target is not None for target in targets):
        statements = changed_from(statement, targets)
    edits.statement(start, end, _with_it(statements, plan, node))
    for alias, target in zip(node.names, targets, strict=True):
        what = f"{node.module}.{alias.name}"
        line = alias.lineno
        if alias.name == "*":
            why = "It is not certain which names come from it: import by name what is used."
            if target is None:
                yield Finding(line, f"from {node.module} import *", why)
        elif (module := plan.modules.get((alias.asname or alias.name, what))) is not None:
            yield from _of_module(module, line, what)
        elif isinstance(answer := plan.answer(node.module or "", alias.name), Theirs):
            yield Finding(line, what, answer.why)
        elif node.module in PYDANTIC and alias.name in PYDANTIC_CHANGED:
            yield Finding(line, what, PYDANTIC_CHANGED[alias.name])


def _with_it(statements: list[str], plan: Plan, node: ast.stmt) -> list[str]:
    """Return statements with the import of `to_langchain`, if it goes behind this one."""
    if plan.importing is not node:
        return statements
    for number, statement in enumerate(statements):
        if _PLAIN_IMPORT.fullmatch(statement):
            return [*statements[:number], f"{statement}, {IT}", *statements[number + 1 :]]
    return [*statements, f"from runnables import {IT}"]


def _module_findings(plan: Plan, node: ast.Import) -> Iterator[Finding]:
    for alias in node.names:
        found = plan.module_name(alias)
        if found is not None:
            yield from _of_module(found, node.lineno, f"import {alias.name}")


def _of_module(found: ModuleName, line: int, what: str) -> Iterator[Finding]:
    if found.stays and not found.is_listed:
        yield Finding(line, what, found.why or "It is used in a way that cannot be changed.")


def _joined(code: Code, start: int, end: int, statements: Sequence[str]) -> str:
    """Return several statements in the place of one: on lines of their own where there is space."""
    before, after = code.line_of(start)[0], code.line_of(end)[1].strip()
    if before.strip() or (after and not after.startswith("#")):
        return "; ".join(statements)
    return f"{code.newline}{before}".join(statements)


def _with_comments(new: str, found: Sequence[str], code: Code) -> str:
    """Return an expression with comments that were inside of the one in whose place it comes."""
    return f"({new}  {code.newline.join((*found, ''))})" if found else new


def _change_keywords(call: Call, plan: Plan, edits: _Edits) -> Iterator[Finding]:
    ours = plan.called(call.called)
    if ours is None:
        return
    names = KEYWORDS.get(ours.name, {})
    given = [name for name, _, _ in call.keywords]
    settings = [names.get(name, name) for name in given]
    for name, offset, line in call.keywords:
        new = names.get(name, name)
        if new != name and settings.count(new) == 1:
            edits.replace(offset, offset + len(name), new)
        elif new != name:
            twice = f"{new!r} is given twice, by two names: keep one."
            yield Finding(line, f"{ours.name}({name}=...)", twice)
        elif (why := NO_KEYWORD.get(ours.name, {}).get(name)) is not None:
            yield Finding(line, f"{ours.name}({name}=...)", f"It is not here. {why}")


def _methods(code: Code, plan: Plan) -> Iterator[Finding]:
    for dotted in code.dotted:
        *of, method = dotted.parts
        ours = plan.called(tuple(of)) if of else None
        if ours is not None and (why := NO_METHOD.get(ours.name, {}).get(method)) is not None:
            yield Finding(dotted.line, f"{ours.name}.{method}", f"It is not here. {why}")
        for part in dotted.parts[1:]:
            if part in METHODS:
                yield Finding(dotted.line, f".{part}", f"It is not here. {METHODS[part]}")
