"""Compares the two halves of what is written twice: a sync function and its async twin.

`invoke` and `ainvoke` must say the same once `async` and `await` are taken away and a-names are
read as the names that they stand for. So must the methods of `Stream` and `AsyncStream`.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

NAMES: Mapping[str, str] = {
    "aclosing": "closing",
    "aiter": "iter",
    "anext": "next",
    "asynccontextmanager": "contextmanager",
    "enter_async_context": "enter_context",
    "push_async_callback": "callback",
    "push_async_exit": "push",
    "AsyncExitStack": "ExitStack",
    "AsyncGenerator": "Generator",
    "AsyncIterable": "Iterable",
    "AsyncIterator": "Iterator",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "TaskFanOut": "ThreadFanOut",
    "async_sleep": "sleep",
}
"""Async names and what they stand for, besides those that are a sync name with an `a` before."""

HOPS = {"to_thread"}
"""Calls that only say in which thread a function runs: `await to_thread(f, x)` is `f(x)`."""

VIEWS = {"raw_iterator"}
"""Calls that only say how to walk over a stream: `raw_iterator(chunks)` stands for `chunks`."""

SYNC_ONLY: set[str] = set()
"""Keywords that only the sync half gives."""

REFUSALS = ("SyncAsyncError", "_async_only")
"""What a sync half may say more than its twin: `if ...: raise SyncAsyncError(...)`."""

_PREFIXES = (("", "a"), ("_", "_a"), ("", "Async"), ("_", "_Async"), ("", "A"), ("_", "_A"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Pair:
    """A sync function and its async twin; None where one is missing."""

    where: str
    sync: Function | None
    coloured: Function | None


class Reader:
    """Finds twins in modules and says in what they differ.

    Args:
        trees: every module by its name; an a-name stands for a sync name that one of them defines.
    """

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self._trees = trees
        self._known = {
            node.name
            for tree in trees.values()
            for node in ast.walk(tree)
            if isinstance(node, Function | ast.ClassDef)
        }

    def twins(self) -> Iterator[Pair]:
        """Every function that has a twin, in classes and in modules."""
        for module, tree in self._trees.items():
            functions = _functions(tree)
            yield from self._paired(f"{module}:", functions, functions)
            classes = {it.name: it for it in ast.walk(tree) if isinstance(it, ast.ClassDef)}
            for name, owner in classes.items():
                methods = _functions(owner)
                yield from self._paired(f"{module}:{name}.", methods, methods)
                if other := classes.get(f"Async{name}") or classes.get(f"_Async{name[1:]}"):
                    yield from self._paired(f"{module}:{name}.", methods, _functions(other))

    def _paired(
        self, where: str, sync: dict[str, Function], other: dict[str, Function]
    ) -> Iterator[Pair]:
        same_room = sync is other
        for name, coloured in other.items():
            plain = self.plain(name)
            if plain in sync and (plain != name or not same_room):
                yield Pair(where + plain, sync[plain], coloured)

    def lonely(self, methods: Iterable[str]) -> Iterator[Pair]:
        """Classes that define one of these methods in one colour only."""
        for module, tree in self._trees.items():
            for owner in ast.walk(tree):
                if isinstance(owner, ast.ClassDef):
                    mine = _functions(owner)
                    for name in methods:
                        half, twin = mine.get(name), mine.get(f"a{name}")
                        if (half is None) != (twin is None):
                            yield Pair(f"{module}:{owner.name}.{name}", half, twin)

    def plain(self, name: str) -> str:
        """The sync name that an async one stands for; any other name as it is."""
        if name in NAMES:
            return NAMES[name]
        for start, async_start in _PREFIXES:
            sync_name = start + name[len(async_start) :]
            if name.startswith(async_start) and sync_name in self._known:
                return sync_name
        return name

    def difference(self, twins: Pair) -> str:
        """In what the halves differ, as a diff of their plain forms; empty where they agree.

        An async half that runs its sync half in a worker thread, and does nothing else, agrees;
        an abstract half says nothing that the other could contradict.
        """
        assert twins.sync is not None and twins.coloured is not None
        if _delegates(twins.coloured, twins.sync.name) or _is_abstract(twins.sync):
            return ""
        left, right = (self._said(it).splitlines() for it in (twins.sync, twins.coloured))
        names = (f"{twins.sync.name} (sync)", f"{twins.coloured.name} (async, made plain)")
        return "\n".join(difflib.unified_diff(left, right, *names, lineterm="", n=2))

    def _said(self, function: Function) -> str:
        copy = ast.parse(ast.unparse(function))  # NodeTransformer changes what it is given
        plain = _Plain(self).visit(copy)
        return ast.unparse(ast.fix_missing_locations(plain))


class _Plain(ast.NodeTransformer):
    """Takes the colour, the docstrings and the annotations (the type checkers' task) away."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def _name(self, name: str) -> str:
        return self._reader.plain(name)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        fields = {name: getattr(node, name, None) for name in ast.FunctionDef._fields}
        return self.visit_FunctionDef(ast.FunctionDef(**fields))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._name(node.name)
        node.returns = None
        node.body = [it for it in node.body if not _is_docstring(it)] or [ast.Pass()]
        self.generic_visit(node)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            if isinstance(statements := getattr(node, name, None), list):
                setattr(node, name, _tidied(statements))
        return node

    def visit_alias(self, node: ast.alias) -> ast.AST:
        return ast.alias(self._name(node.name), node.asname and self._name(node.asname))

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """`yield from` closes what it delegates to; an async half must do that by hand."""
        self.generic_visit(node)
        match node:
            case ast.Try(
                body=[ast.Expr(value=ast.YieldFrom(value=stream)) as only],
                handlers=[],
                orelse=[],
                finalbody=[
                    ast.Expr(value=ast.Call(func=ast.Attribute(value=closed, attr="close")))
                ],
            ) if ast.dump(stream) == ast.dump(closed).replace("Store()", "Load()"):
                return only
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._name(node.arg), None)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        return self.visit(ast.Assign([node.target], node.value))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self.visit_For(ast.For(node.target, node.iter, node.body, node.orelse))

    def visit_For(self, node: ast.For) -> ast.AST:
        """A loop that only hands on what it gets is a `yield from`, which async code lacks."""
        self.generic_visit(node)
        match node:
            case ast.For(
                target=ast.Name(id=name),
                body=[ast.Expr(value=ast.Yield(value=ast.Name(id=given)))],
                orelse=[],
            ) if name == given:
                return ast.Expr(ast.YieldFrom(node.iter))
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self.visit(ast.With(node.items, node.body))

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.is_async = 0
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id=name), args=[function, *rest]) if name in HOPS:
                return ast.Call(function, rest, node.keywords)
            case ast.Call(func=ast.Name(id="cast"), args=[_, value]):
                return value
            case ast.Call(func=ast.Name(id=name), args=[stream]) if name in VIEWS:
                return stream
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._name(node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = self._name(node.attr)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        self.generic_visit(node)
        if node.arg in SYNC_ONLY:
            return None
        node.arg = node.arg and self._name(node.arg)
        return node


def _tidied(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Without refusals, and without a name that is only given for the next line to delegate to."""
    said: list[ast.stmt] = []
    for statement in statements:
        match (said[-1:], statement):
            case (
                [ast.Assign(targets=[ast.Name(id=name)], value=value)],
                ast.Expr(value=ast.YieldFrom(value=ast.Name(id=given))),
            ) if name == given:
                said[-1] = ast.Expr(ast.YieldFrom(value))
            case _ if not _is_refusal(statement):
                said.append(statement)
    return said


def _is_refusal(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(body=[ast.Raise(exc=error)], orelse=[]) if error is not None:
            return any(name in ast.unparse(error) for name in REFUSALS)
    return False


def _delegates(function: Function, name: str) -> bool:
    """Whether its one statement is `return await to_thread(self.name, ...)`."""
    match [it for it in function.body if not _is_docstring(it)]:
        case [
            ast.Return(
                value=ast.Await(value=ast.Call(func=ast.Name(id=to_thread), args=[method, *_]))
            )
        ]:
            return to_thread in HOPS and ast.unparse(method) == f"self.{name}"
    return False


def _is_abstract(function: Function) -> bool:
    return any(ast.unparse(it).endswith("abstractmethod") for it in function.decorator_list)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _functions(owner: ast.Module | ast.ClassDef) -> dict[str, Function]:
    """The functions that stand in it, by name; of overloads the last one, which has the body."""
    return {node.name: node for node in owner.body if isinstance(node, Function)}
