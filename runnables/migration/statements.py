"""Import statements as text: comments and form are kept, by libcst."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

try:
    import libcst as cst
except ImportError:
    from runnables.core.installation import missing_extra

    raise missing_extra("The command `runnables migrate`", "libcst", "migrate") from None

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Target(NamedTuple):
    """What a name is imported as from now on.

    Attributes:
        module: the module.
        name: the name in it; None: the module itself is imported.
        bound: the name that it is bound to; None for `import a.b`, which binds `a`.
        star: for a star import, the names that are imported in its place.
    """

    module: str
    name: str | None
    bound: str | None
    star: tuple[str, ...] = ()


def changed_from(statement: str, targets: Sequence[Sequence[Target] | None]) -> list[str]:
    """Return the statements in the place of `from module import ...`.

    Args:
        statement: the statement.
        targets: for each name in it what it becomes; None: it stays. More than one: all of them.
    """
    node, newline = _parsed(statement)
    assert isinstance(node, cst.ImportFrom)
    if isinstance(node.names, cst.ImportStar):
        stars = [_from(target.module, target.star) for target in targets[0] or ()]
        return stars or [statement]
    groups: dict[str | None, dict[int, cst.ImportAlias]] = {}
    modules: list[str] = []
    for number, (alias, several) in enumerate(zip(node.names, targets, strict=True)):
        if several is None:
            groups.setdefault(None, {})[number] = alias
        for target in several or ():
            if target.name is None:
                modules.append(_import(target))
            else:
                groups.setdefault(target.module, {})[number] = _renamed(alias, target)
    kept = groups.pop(None, {})
    found = [_group(node, aliases, module, newline) for module, aliases in groups.items()]
    rest = [_group(node, kept, None, newline)] if kept else []
    return list(dict.fromkeys([*found, *modules, *rest]))


def changed_import(statement: str, targets: Sequence[Sequence[Target] | None]) -> str:
    """Return the statement in the place of `import ...`.

    Args:
        statement: the statement.
        targets: for each module in it what it becomes; None: it stays. More than one: all of them.
    """
    node, newline = _parsed(statement)
    assert isinstance(node, cst.Import)
    aliases: list[cst.ImportAlias] = []
    for alias, several in zip(node.names, targets, strict=True):
        if several is None:
            aliases.append(alias)
            continue
        aliases += [_module_alias(target) for target in several]
    alone = (alias.with_changes(comma=cst.MaybeSentinel.DEFAULT) for alias in aliases)
    names = [_code(alias, newline) for alias in alone]
    return "import " + ", ".join(dict.fromkeys(names))


def _parsed(statement: str) -> tuple[cst.BaseSmallStatement, str]:
    module = cst.parse_module(statement)
    line = module.body[0]
    assert isinstance(line, cst.SimpleStatementLine)
    return line.body[0], module.default_newline


def _code(node: cst.CSTNode, newline: str) -> str:
    return cst.Module([], default_newline=newline).code_for_node(node)


def _dotted(module: str) -> cst.Attribute | cst.Name:
    found = cst.parse_expression(module)
    assert isinstance(found, cst.Attribute | cst.Name)
    return found


def _from(module: str, names: Sequence[str]) -> str:
    return f"from {module} import {', '.join(names)}"


def _import(target: Target) -> str:
    return f"import {_code(_module_alias(target), chr(10))}"


def _module_alias(target: Target) -> cst.ImportAlias:
    if target.bound is None or target.bound == target.module:
        return cst.ImportAlias(_dotted(target.module))
    return cst.ImportAlias(_dotted(target.module), cst.AsName(cst.Name(target.bound)))


def _renamed(alias: cst.ImportAlias, target: Target) -> cst.ImportAlias:
    name = cst.ensure_type(alias.name, cst.Name)
    assert target.name is not None
    if name.value == target.name:
        return alias
    if target.name == target.bound:
        return alias.with_changes(name=cst.Name(target.name), asname=None)
    bound = alias.asname or cst.AsName(cst.Name(name.value))
    return alias.with_changes(name=name.with_changes(value=target.name), asname=bound)


def _group(
    node: cst.ImportFrom, numbered: Mapping[int, cst.ImportAlias], module: str | None, newline: str
) -> str:
    """Return a statement with some of the names of another one, by their places in it."""
    aliases = [*numbered.values()]
    names = cast("Sequence[cst.ImportAlias]", node.names)
    made = node if module is None else node.with_changes(module=_dotted(module))
    if 0 not in numbered and isinstance(node.lpar, cst.LeftParen):
        made = made.with_changes(lpar=_opening(node.lpar))
    if len(aliases) == len(names):
        return _code(made.with_changes(names=aliases), newline)
    last, end = aliases[-1], names[-1]
    comma = last.comma
    if len(names) - 1 not in numbered and node.rpar and isinstance(comma, cst.Comma):
        closing = _closing(end, node.rpar)
        if closing is None and not _has_comment(comma):
            last = last.with_changes(comma=cst.MaybeSentinel.DEFAULT)
        else:
            last = last.with_changes(comma=_moved(comma, closing))
            made = made.with_changes(
                rpar=cst.RightParen(whitespace_before=cst.SimpleWhitespace(""))
            )
    found = _code(made.with_changes(names=[*aliases[:-1], last]), newline)
    if node.rpar and newline in found:
        return found
    last = last.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    made = made.with_changes(lpar=None, rpar=None, names=[*aliases[:-1], last])
    return _code(made, newline)


def _opening(bracket: cst.LeftParen) -> cst.LeftParen:
    """Return an opening bracket without comments: they are before the first name."""
    space = bracket.whitespace_after
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return bracket
    return bracket.with_changes(whitespace_after=_without_comment(space))


def _closing(end: cst.ImportAlias, bracket: cst.RightParen) -> cst.ParenthesizedWhitespace | None:
    """Return the line end before a closing bracket, if it is on a line of its own."""
    comma = end.comma.whitespace_after if isinstance(end.comma, cst.Comma) else None
    for space in (bracket.whitespace_before, comma):
        if isinstance(space, cst.ParenthesizedWhitespace):
            return space
    return None


def _has_comment(comma: cst.Comma) -> bool:
    space = comma.whitespace_after
    return isinstance(space, cst.ParenthesizedWhitespace) and (
        space.first_line.comment is not None
        or any(line.comment is not None for line in space.empty_lines)
    )


def _moved(comma: cst.Comma, closing: cst.ParenthesizedWhitespace | None) -> cst.Comma:
    """Return the comma of what is now the last name: its comments stay, and the bracket follows."""
    space = comma.whitespace_after
    if not isinstance(space, cst.ParenthesizedWhitespace):
        after = cst.SimpleWhitespace("") if closing is None else _without_comment(closing)
        return comma.with_changes(whitespace_after=after)
    indent, last = (False, cst.SimpleWhitespace(""))
    if closing is not None:
        indent, last = closing.indent, closing.last_line
    return comma.with_changes(whitespace_after=space.with_changes(indent=indent, last_line=last))


def _without_comment(space: cst.ParenthesizedWhitespace) -> cst.ParenthesizedWhitespace:
    return space.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
