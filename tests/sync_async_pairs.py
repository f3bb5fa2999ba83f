"""Compares the two halves of what is written twice: a sync function and its async counterpart.

`invoke` and `ainvoke` must be the same code once `async` and `await` are removed, and async names
are replaced by their sync names. So must the methods of `Stream` and `AsyncStream`.
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
"""Async names and their sync names, where the async one is not the sync one with a prefix."""

THREAD_CALLS = {"to_thread"}
"""Calls that only decide in which thread a function runs: `await to_thread(f, x)` is `f(x)`."""

VIEWS = {"raw_iterator", "owned"}
"""Calls that only decide how to walk over a stream: `raw_iterator(chunks)` is `chunks`."""

SYNC_ONLY: set[str] = set()
"""Keywords that only the sync half passes."""

REFUSALS = ("SyncAsyncError", "_async_only")
"""Errors that only the sync half may raise: `if ...: raise SyncAsyncError(...)`."""

_PREFIXES = (("", "a"), ("_", "_a"), ("", "Async"), ("_", "_Async"), ("", "A"), ("_", "_A"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Pair:
    """A sync function and its async counterpart; None where one is missing."""

    where: str
    sync: Function | None
    async_: Function | None


class Reader:
    """Finds pairs in modules, and compares them.

    Args:
        trees: every module by its name; an async name belongs to a sync name that one of them
            defines.
    """

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self._trees = trees
        self._known = {
            node.name
            for tree in trees.values()
            for node in ast.walk(tree)
            if isinstance(node, Function | ast.ClassDef)
        }

    def pairs(self) -> Iterator[Pair]:
        """Yield every function that is written twice, in classes and in modules."""
        for module, tree in self._trees.items():
            functions = _functions(tree)
            yield from self._paired(f"{module}:", functions, functions)
            classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
            for name, owner in classes.items():
                methods = _functions(owner)
                yield from self._paired(f"{module}:{name}.", methods, methods)
                if other := classes.get(f"Async{name}") or classes.get(f"_Async{name[1:]}"):
                    yield from self._paired(f"{module}:{name}.", methods, _functions(other))

    def _paired(
        self, where: str, sync: dict[str, Function], other: dict[str, Function]
    ) -> Iterator[Pair]:
        for name, function in other.items():
            plain = self.plain(name)
            if plain in sync and (plain != name or sync is not other):
                yield Pair(where + plain, sync[plain], function)

    def unpaired(self, methods: Iterable[str]) -> Iterator[Pair]:
        """Yield the methods of classes that define only one half of one of these."""
        for module, tree in self._trees.items():
            for owner in ast.walk(tree):
                if isinstance(owner, ast.ClassDef):
                    own = _functions(owner)
                    for name in methods:
                        pair = Pair(
                            f"{module}:{owner.name}.{name}", own.get(name), own.get(f"a{name}")
                        )
                        if (pair.sync is None) != (pair.async_ is None):
                            yield pair

    def plain(self, name: str) -> str:
        """Return the sync name of an async one; any other name as it is."""
        if name in NAMES:
            return NAMES[name]
        for start, async_start in _PREFIXES:
            sync_name = start + name[len(async_start) :]
            if name.startswith(async_start) and sync_name in self._known:
                return sync_name
        return name

    def difference(self, pair: Pair) -> str:
        """Return a diff of the two halves, each made plain; empty where they agree.

        An async half agrees if it does nothing but run its sync half in a worker thread. Anything
        agrees with an abstract half.
        """
        assert pair.sync is not None and pair.async_ is not None
        if _delegates(pair.async_, pair.sync.name) or _is_abstract(pair.sync):
            return ""
        left, right = (self._plain_code(half).splitlines() for half in (pair.sync, pair.async_))
        names = (f"{pair.sync.name} (sync)", f"{pair.async_.name} (async, made plain)")
        return "\n".join(difflib.unified_diff(left, right, *names, lineterm="", n=2))

    def _plain_code(self, function: Function) -> str:
        copy = ast.parse(ast.unparse(function))  # NodeTransformer changes the tree itself
        plain = _Plain(self).visit(copy)
        return ast.unparse(ast.fix_missing_locations(plain))


class _Plain(ast.NodeTransformer):
    """Removes async syntax, docstrings, and annotations, which are the type checkers' task."""

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
        node.body = [statement for statement in node.body if not _is_docstring(statement)] or [
            ast.Pass()
        ]
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
        """Treat a stream that is closed by hand as `yield from`, which closes it by itself."""
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
        """Treat a loop that only yields its items as `yield from`, which async code lacks."""
        self.generic_visit(node)
        match node:
            case ast.For(
                target=ast.Name(id=name),
                body=[ast.Expr(value=ast.Yield(value=ast.Name(id=yielded)))],
                orelse=[],
            ) if name == yielded:
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
            case ast.Call(func=ast.Name(id=name), args=[function, *rest]) if name in THREAD_CALLS:
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
    """Return statements without refusals; join a name with the line that yields from it."""
    kept: list[ast.stmt] = []
    for statement in statements:
        match (kept[-1:], statement):
            case (
                [ast.Assign(targets=[ast.Name(id=name)], value=value)],
                ast.Expr(value=ast.YieldFrom(value=ast.Name(id=source))),
            ) if name == source:
                kept[-1] = ast.Expr(ast.YieldFrom(value))
            case _ if not _is_refusal(statement):
                kept.append(statement)
    return kept


def _is_refusal(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(body=[ast.Raise(exc=error)], orelse=[]) if error is not None:
            return any(name in ast.unparse(error) for name in REFUSALS)
    return False


def _delegates(function: Function, name: str) -> bool:
    """Tell whether its one statement is `return await to_thread(self.name, ...)`."""
    match [statement for statement in function.body if not _is_docstring(statement)]:
        case [
            ast.Return(
                value=ast.Await(value=ast.Call(func=ast.Name(id=to_thread), args=[method, *_]))
            )
        ]:
            return to_thread in THREAD_CALLS and ast.unparse(method) == f"self.{name}"
    return False


def _is_abstract(function: Function) -> bool:
    return any(
        ast.unparse(decorator).endswith("abstractmethod") for decorator in function.decorator_list
    )


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _functions(owner: ast.Module | ast.ClassDef) -> dict[str, Function]:
    """Return the functions that it defines, by name; of overloads the one with the body."""
    return {node.name: node for node in owner.body if isinstance(node, Function)}
