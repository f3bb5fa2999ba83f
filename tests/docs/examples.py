"""Collects the examples in the docstrings of public names, and runs them.

An example has a section of its own, and shows what an interactive session would:

    Example:
        >>> (RunnableLambda(len) | str).invoke("abc")
        '3'

The reference heads each entry with the path to import, so an example takes every name of
`runnables` as imported. What else it needs, it imports: `import asyncio` for `asyncio.run(...)`,
`from runnables_providers.scripted import ScriptedChatModel`. To show an error, catch it and print
it: its notes would take the place of its last line otherwise. `...` stands for any output.

`python -m tests.docs.examples` prints the public names that have no example.
"""

from __future__ import annotations

import doctest
import inspect
import re
import sys
from collections.abc import Iterator
from io import StringIO
from types import ModuleType

import runnables
from scripts.reference import loaded, public_names

_SECTION = re.compile(r"^Example:\n((?: .*\n?|\n)*)", re.MULTILINE)


def without_example() -> list[str]:
    """Return the names of `runnables` whose docstring has no example.

    Errors need none, and neither do type aliases and constants, which keep no docstring.
    """
    return [name for name in runnables.__all__ if _needs_one(name) and not _has_one(name)]


def _needs_one(name: str) -> bool:
    value = getattr(runnables, name)
    if isinstance(value, type):
        return not issubclass(value, BaseException)
    return inspect.isfunction(value)


def _has_one(name: str) -> bool:
    section = _SECTION.search(inspect.cleandoc(getattr(runnables, name).__doc__ or ""))
    return section is not None and ">>> " in section[1]


def collected() -> Iterator[doctest.DocTest]:
    """Yield the examples of every public name, and of the methods that public classes have.

    Methods that a class inherits from a private base, such as `invoke`, are among them.
    """
    sources: dict[object, str] = {}
    for path in sorted(public_names()):
        value = loaded(path)
        if inspect.isfunction(value):
            sources[value] = path
        elif isinstance(value, type):
            sources.update(
                (base, f"{base.__module__}.{base.__qualname__}") for base in _ours(value)
            )
    finder = doctest.DocTestFinder()
    for source, name in sources.items():
        yield from finder.find(source, name, module=False)


def _ours(kind: type) -> list[type]:
    """Return a class and its bases, without those of other libraries."""
    packages = {"runnables", "runnables_providers"}
    return [base for base in kind.__mro__ if base.__module__.partition(".")[0] in packages]


def run(test: doctest.DocTest) -> str:
    """Run one docstring's examples; return what differs from what it shows, or nothing."""
    # A module that can be found by its name, for pydantic, pickle and type hints.
    module = ModuleType("example")
    vars(module).update({name: getattr(runnables, name) for name in runnables.__all__})
    test.globs = vars(module)
    sys.modules["example"] = module
    report = StringIO()
    try:
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        runner.run(test, out=report.write, clear_globs=False)
    finally:
        del sys.modules["example"]
    return report.getvalue()


if __name__ == "__main__":
    missing = without_example()
    print(*missing, f"{len(missing)} public names without an example", sep="\n")
