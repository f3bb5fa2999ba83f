"""Tests of langchain-core as text with our imports, in which no line takes the file with it."""

from __future__ import annotations

import ast
from pathlib import Path

_SUPPORT = "_names_of_runnables"


def rewrite(source: str) -> str:
    """Return the text of a test file with our imports.

    Each statement at the top of the file is guarded: where it fails, what it defines fails the
    tests which use it.

    Args:
        source: the text of the file.
    """
    tree = _Imports().visit(ast.parse(source))
    body: list[ast.stmt] = []
    first = True
    for statement in tree.body:
        first = first and (_is_docstring(statement) or _is_future(statement))
        body.append(statement if first else _guarded(statement))
    start = next((n for n, s in enumerate(body) if not (_is_docstring(s) or _is_future(s))), 0)
    body.insert(start, ast.parse(f"import {_SUPPORT}").body[0])
    tree.body = body
    return ast.unparse(ast.fix_missing_locations(tree))


def rewrite_folder(source: Path, target: Path) -> None:
    """Copy a folder of tests, with our imports.

    Args:
        source: the folder.
        target: the folder of the copy.
    """
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir() or "__pycache__" in path.parts or path.name == "conftest.py":
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            copy.write_text(rewrite(path.read_text()))
        else:
            copy.write_bytes(path.read_bytes())


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_theirs(module: str | None) -> bool:
    return module is not None and module.split(".")[0] in ("langchain_core", "langchain")


class _Imports(ast.NodeTransformer):
    """Imports of langchain-core as assignments of our names."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        if not _is_theirs(node.module):
            return node
        return [
            ast.parse(
                f"{alias.asname or alias.name} = __import__({_SUPPORT!r}).ours({alias.name!r})"
            ).body[0]
            for alias in node.names
        ]

    def visit_Import(self, node: ast.Import) -> ast.stmt | list[ast.stmt]:
        if not any(_is_theirs(alias.name) for alias in node.names):
            return node
        return [
            ast.parse(
                f"{alias.asname or alias.name.split('.')[0]} = "
                f"__import__({_SUPPORT!r}).ours({alias.name.split('.')[-1]!r})"
            ).body[0]
            for alias in node.names
        ]


def _defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.split(".")[0] for alias in names]
        case _:
            return [
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            ]


def _guarded(statement: ast.stmt) -> ast.stmt:
    names = _defined(statement)
    is_function = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
    is_test = is_function and names[0].startswith("test_")
    handler = "".join(
        f"    {name} = {_SUPPORT}.broken({name!r}, _failure, {is_test})\n" for name in names
    )
    guarded = ast.parse(f"try:\n    pass\nexcept Exception as _failure:\n{handler or '    pass'}")
    attempt = guarded.body[0]
    assert isinstance(attempt, ast.Try)
    attempt.body = [statement]
    return attempt
