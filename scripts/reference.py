"""Write the pages of the API reference, one for each subject, with every public name on one.

    python -m scripts.reference build/docs/reference

A page lists names and no more. What is said of them (signature, contract, errors, example) is
taken from the code by mkdocstrings when the site is built. A public name that is on no page, a
name on two pages, and a name that is not public are errors, so that `subjects.py` stays true.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Final, cast

from scripts.subjects import SUBJECTS, Subject, full_path

MODULES = (
    "runnables",
    "runnables.serving",
    "runnables.testing",
    "runnables_providers.local",
    "runnables_providers.openai",
    "runnables_providers.anthropic",
    "runnables_providers.google",
    "runnables_providers.ollama",
    "runnables_providers.remote",
    "runnables_providers.scripted",
)
"""The modules that users import from. What `__all__` lists is public, or else what they define."""

_SHOWN: Final = re.compile(r"[^_]|__r?(or|add)__$")  # `filters` in zensical.toml says the same

FIRST: Final = (
    *("invoke", "ainvoke", "batch", "abatch", "batch_as_completed", "abatch_as_completed"),
    *("stream", "astream", "transform", "atransform", "stream_events", "astream_events"),
    *("__or__", "__ror__", "pipe", "assign", "pick", "map"),
    *("bind", "with_config", "with_types", "with_listeners", "with_alisteners"),
    *("with_retry", "with_fallbacks", "with_timeout", "with_cache"),
    *("configurable_fields", "configurable_alternatives", "as_tool"),
)
"""The members that a class begins with, in this order: what every caller needs comes first.

Without it, the members of the class itself come before those of its private bases, and `invoke`
comes last.
"""


@cache
def public_names() -> frozenset[str]:
    """Return the full path of every public name."""
    return frozenset(f"{module}.{name}" for module in MODULES for name in _listed(module))


def page(subject: Subject) -> str:
    """Return a page as Markdown, with a mkdocstrings block for each name."""
    lines = [f"# {subject.title}", "", subject.about, ""]
    for heading, names in subject.sections.items():
        lines += [f"## {heading}", ""]
        for name in names.split():
            lines += _entry(full_path(name))
    return "\n".join(lines)


def _entry(path: str) -> list[str]:
    """Return the lines that stand for one name."""
    options: list[str] = []
    value = loaded(path)
    if isinstance(value, type) and (inherited := _from_private_bases(value)):
        members = sorted([*_described(value), *inherited], key=_rank)
        options += [f"members: [{', '.join(members)}]"]
        options += [f"inherited_members: [{', '.join(inherited)}]"]
    if isinstance(value, type) and any(map(_is_private, _written_bases(value))):
        options += ["show_bases: false"]  # the names of such bases say nothing to a reader
    head = ["    options:"] if options else []
    return [f"::: {path}", *head, *(f"      {option}" for option in options), ""]


def _written_bases(value: type) -> list[type]:
    """Return the bases that the source names: a TypedDict does not keep them in `__bases__`."""
    space = vars(sys.modules[value.__module__])
    names = [ast.unparse(base).partition("[")[0] for base in _source(value).bases]
    return [base for base in map(space.get, names) if isinstance(base, type)]


def _rank(member: str) -> int:
    return FIRST.index(member) if member in FIRST else len(FIRST)


def loaded(path: str) -> object:
    """Return the object of a full path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _from_private_bases(value: type) -> list[str]:
    """Return what a class inherits from bases that have no entry of their own.

    Users call these methods on the class that they know. What a public base has too is left out:
    it is shown there, once.
    """
    bases = [base for base in value.__mro__[1:] if _is_ours(base)]
    public = {name for base in bases if not _is_private(base) for name in dir(base)}
    private = [name for base in bases if _is_private(base) for name in _described(base)]
    return [name for name in dict.fromkeys(private) if name not in public | set(vars(value))]


def _described(kind: type) -> list[str]:
    """Return the members that a class itself defines and describes, in the order of its source."""
    found: list[str] = []
    for node, after in pairwise([*_source(kind).body, ast.Pass()]):
        match node, after:
            case ((ast.FunctionDef() | ast.AsyncFunctionDef()), _) if ast.get_docstring(node):
                found.append(node.name)
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str())):
                found.append(name)
    return [name for name in found if _SHOWN.match(name)]


@cache
def _public_classes() -> frozenset[type]:
    return frozenset(kind for kind in map(loaded, public_names()) if isinstance(kind, type))


def _is_private(base: type) -> bool:
    return _is_ours(base) and base not in _public_classes()


def _is_ours(base: type) -> bool:
    return base.__module__.partition(".")[0] in {"runnables", "runnables_providers"}


@cache
def _source(kind: type) -> ast.ClassDef:
    return cast("ast.ClassDef", ast.parse(dedent(inspect.getsource(kind))).body[0])


def _listed(path: str) -> list[str]:
    module = importlib.import_module(path)
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == path
    ]


def problems() -> list[str]:
    """Return what is wrong with the list of subjects; nothing, as it should be."""
    pages = Counter(name for subject in SUBJECTS for name in subject.names())
    public = public_names()
    return [
        *(f"{name} is public and on no page" for name in sorted(public - set(pages))),
        *(f"{name} is on a page and not public" for name in sorted(set(pages) - public)),
        *(f"{name} is listed {count} times" for name, count in sorted(pages.items()) if count > 1),
    ]


def contents() -> str:
    """Return the first page of the reference: every subject with its names, as links."""
    lines = [
        "# Reference",
        "",
        "Every public name, by subject. The examples take all names of `runnables` as imported; "
        "what else they need, they import.",
        "",
    ]
    for subject in SUBJECTS:
        names = [f"[`{name.rpartition('.')[2]}`][{name}]" for name in subject.names()]
        lines += [f"## [{subject.title}]({subject.file}.md)", "", subject.about, ""]
        lines += [" \u00b7\n".join(names), ""]
    return "\n".join(lines)


def write(folder: Path) -> None:
    """Write the pages into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.md").write_text(contents(), encoding="utf-8")
    for subject in SUBJECTS:
        (folder / f"{subject.file}.md").write_text(page(subject), encoding="utf-8")


def main() -> int:
    """Write the pages, or say why not."""
    wrong = problems()
    for problem in wrong:
        print(f"{problem}: change scripts/subjects.py", file=sys.stderr)
    if not wrong:
        write(Path(sys.argv[1]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
