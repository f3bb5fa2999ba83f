"""The shape of the code: imports point one way, rooms stay small, the face is complete."""

from __future__ import annotations

import ast
import graphlib
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS = (
    # the ground: plain values and how they add up
    *("typevars", "errors", "sources", "values", "options", "where", "json_reader"),
    # the engine: threads and tasks, what travels, what is told
    *("engine", "config", "handed", "events", "watched", "event_stream", "driving"),
    *("custom", "groups", "batches"),
    # the contract, and what `|` makes
    *("callables", "annotations", "typed_dicts", "schemas", "described", "doors", "runnable"),
    *("fitting", "generators", "functions", "decorator", "sequence", "parallel"),
    *("inline", "around", "forwarding"),
    # the other combinators
    *("assign", "each", "shape", "control", "binding", "tries", "attempts", "retry"),
    *("fallbacks", "timeout", "limits", "configurable"),
    # what models hear and say
    *("messages", "prompts", "parsers", "cache", "tools", "models", "agents", "fakes"),
    # what looks at chains from outside
    *("inside", "usage", "budget", "console", "batching", "tracing", "graph", "serving", "cli"),
    # what users test their own parts with
    "testing",
)
"""The rooms of `runnables`, from the ground up: each imports from those before it only."""

DOORS: Mapping[str, str] = {
    "runnables.compose.runnable": "the fluent methods: with_retry, assign, ...",
    "runnables.compose.functions": "a mapping in a pipe becomes a RunnableParallel, made of functions",
    "runnables.parsers.base": "a parser's own fluent method: with_repair",
}
"""Where functions may import from above, and what for; an entry that is not needed fails."""

TYPES_FROM_ABOVE: Mapping[tuple[str, str], str] = {
    (
        "runnables.core.config",
        "runnables.core.events",
    ): "a config carries handlers, without calling them",
    ("runnables.core.event_stream", "runnables.core.contract"): "it runs what it watches",
    ("runnables.core.bulk", "runnables.core.contract"): "it runs what it groups",
}
"""Names that another module needs in annotations only; an entry that is not needed fails."""

MACHINERY = {"threading", "asyncio", "queue", "concurrent", "multiprocessing", "_thread"}
"""Modules that make threads and tasks."""

ENGINE_ROOMS = ("runnables.engine",)
"""The only rooms of the core that import them."""

MACHINERY_ELSEWHERE: Mapping[str, str] = {
    "runnables.testing.sync_async": "tests make the loops that users make",
    "runnables.testing.failures": "a test cancels a task",
    "runnables.testing.replay_server": "a server in the process of the tests",
    "runnables.testing.concurrency": "tests make the threads that users make",
}
"""Other modules that import them, and why; an entry that is not needed fails."""

LONGEST = 400
LONGER: Mapping[str, str] = {}
"""Files with more lines, and why; an entry that is not needed fails."""

HEAVY = (
    *("httpx", "aiohttp", "requests", "urllib3", "http.client", "opentelemetry"),
    *("rich", "click", "typer", "argparse", "jinja2", "xllamacpp", "numpy", "langchain_core"),
)
"""What `import runnables` leaves to those who use it: HTTP, tracing, command lines, extras."""


TESTS_NEED = ("runnables.testing.base", "pytest")
"""The only module of the core that imports a package which the core does not need, and which."""


@dataclass(frozen=True)
class Import:
    """One module that another imports.

    Attributes:
        local: whether it stands within a function.
        typing_only: whether it stands under `if TYPE_CHECKING`.
    """

    source: str
    target: str
    line: int
    local: bool
    typing_only: bool

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


def _files() -> dict[str, Path]:
    paths = [*(ROOT / "runnables").rglob("*.py"), *(ROOT / "providers").rglob("*.py")]
    return {_module(path): path for path in sorted(paths)}


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = _files()


@cache
def _imports() -> tuple[Import, ...]:
    return tuple(it for name, path in FILES.items() for it in _imports_of(name, path))


def _imports_of(module: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    local, typing_only = _nodes_in(tree, _is_function), _nodes_in(tree, _is_typing_block)
    for node in ast.walk(tree):
        for target in _targets(node):
            yield Import(module, target, node.lineno, node in local, node in typing_only)  # type: ignore[attr-defined]


def _nodes_in(tree: ast.AST, is_frame: Any) -> set[ast.AST]:
    return {node for frame in ast.walk(tree) if is_frame(frame) for node in ast.walk(frame)}


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _is_typing_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _targets(node: ast.AST) -> list[str]:
    """What an import statement loads; `from package import module` loads the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: imports name the whole path"
        origin = node.module or ""
        found = {f"{origin}.{it.name}" for it in node.names} & FILES.keys()
        return sorted(found) if len(found) == len(node.names) else [origin, *sorted(found)]
    return []


def _room(module: str) -> str:
    """The room of `runnables` that a module stands in; the face is in none."""
    return module.split(".")[1] if "." in module else ""


def _within_core() -> Iterator[Import]:
    for it in _imports():
        if it.source.startswith("runnables.") and it.target.split(".")[0] == "runnables":
            yield it


def _expect_none(found: Iterable[object]) -> None:
    """Fail with a line for each that was found."""
    if lines := "\n".join(map(str, found)):
        pytest.fail(f"found:\n{lines}", pytrace=False)


def test_every_room_has_its_place_among_the_layers() -> None:
    """A new module says where it stands."""
    rooms = {_room(module) for module in FILES if module.startswith("runnables.")}
    _expect_none(sorted(rooms - set(LAYERS)))


def test_imports_point_downwards() -> None:
    """A room of the core imports from the rooms below it only."""
    upwards = [it for it in _within_core() if _height(it.target) > _height(it.source)]
    wrong = [it for it in upwards if not _is_door(it) and not it.typing_only]
    _expect_none([str(it) for it in wrong])


def test_only_the_doors_name_types_from_above() -> None:
    """What stands under TYPE_CHECKING is bound by the layers, too, but for a few named cases."""
    upwards = [it for it in _within_core() if _height(it.target) > _height(it.source)]
    typing = {(it.source, it.target) for it in upwards if it.typing_only and not _is_door(it)}
    _expect_none(sorted(typing ^ TYPES_FROM_ABOVE.keys()))


def _is_door(it: Import) -> bool:
    return it.source in DOORS and (it.local or it.typing_only)


def _height(module: str) -> int:
    """The layer of a module; the face stands above them all."""
    room = _room(module)
    return LAYERS.index(room) if room in LAYERS else len(LAYERS)


def test_nothing_imports_the_face() -> None:
    """Library code imports from the module where a name lives, never from `runnables` itself."""
    _expect_none([str(it) for it in _within_core() if it.target == "runnables"])


def test_the_framework_does_not_know_the_providers() -> None:
    """Models are found through entry points."""
    core = (it for it in _imports() if it.source.split(".")[0] == "runnables")
    _expect_none([str(it) for it in core if it.target.split(".")[0] == "providers"])


def test_imports_form_no_circle() -> None:
    """No module needs, while it loads, one that needs it."""
    needs: dict[str, set[str]] = {}
    for it in _imports():
        if it.target in FILES and not it.local and not it.typing_only:
            needs.setdefault(it.source, set()).add(it.target)
    graphlib.TopologicalSorter(needs).prepare()


def test_only_the_doors_import_upwards_within_functions() -> None:
    """A local import from above hides a circle: there are few of them, and they are named."""
    hidden = [it for it in _within_core() if it.local and not _is_downwards(it)]
    _expect_none(it for it in hidden if it.source not in DOORS)
    _expect_none(DOORS.keys() - {it.source for it in hidden})


def _is_downwards(it: Import) -> bool:
    """Whether it only delays what the module could import at its top."""
    return _height(it.target) < _height(it.source)


def test_a_fluent_method_is_imports_and_one_return() -> None:
    """Behind a local import of the doors stands nothing but the call that it is for."""
    thick = []
    for function in filter(_is_function, ast.walk(_tree("runnables.compose.runnable"))):
        body = [it for it in function.body if not _is_docstring(it)]  # type: ignore[attr-defined]
        if any(map(_is_ours, body)) and not all(map(_is_ours, body[:-1])):
            thick.append(f"line {function.lineno}: {function.name}")  # type: ignore[attr-defined]
    _expect_none(thick)


def _tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_ours(node: ast.AST) -> bool:
    return any(target.split(".")[0] == "runnables" for target in _targets(node))


def test_only_two_rooms_make_threads_and_tasks() -> None:
    """Whoever needs a thread, a task or a lock asks `concurrency` or `streams` for it."""
    machinery = {
        it.source
        for it in _imports()
        if it.source.split(".")[0] == "runnables"
        and not it.source.startswith(ENGINE_ROOMS)
        and not it.typing_only
        and it.target.split(".")[0] in MACHINERY
    }
    _expect_none(sorted(machinery ^ MACHINERY_ELSEWHERE.keys()))


def test_no_file_outgrows_a_reader() -> None:
    """A file of more than 400 lines becomes a folder."""
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in FILES.items()}
    long = {name: count for name, count in lines.items() if count > LONGEST}
    _expect_none(f"{name}: {count} lines" for name, count in long.items() if name not in LONGER)
    _expect_none(sorted(LONGER.keys() - long.keys()))


# --- the face ---------------------------------------------------------------------------------


def _face() -> Mapping[str, Any]:
    import runnables

    return {name: getattr(runnables, name) for name in runnables.__all__}


def test_the_face_lists_every_name_once() -> None:
    """`__all__` resolves, without repeats, and `dir` shows it."""
    import runnables

    assert len(set(runnables.__all__)) == len(runnables.__all__)
    assert set(_face()) <= set(dir(runnables))


def test_the_face_does_nothing_but_list_names() -> None:
    """The `__init__.py` of every room imports and lists; at most it is lazy about it."""
    allowed = ast.Import | ast.ImportFrom | ast.If | ast.Assign | ast.AnnAssign | ast.FunctionDef
    for name, path in FILES.items():
        if path.name == "__init__.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            code = [it for it in tree.body if not _is_docstring(it)]
            functions = [it.name for it in code if isinstance(it, ast.FunctionDef)]
            assert all(isinstance(it, allowed) for it in code), name
            assert set(functions) <= {"__getattr__", "__dir__"}, name


def test_the_face_shows_type_checkers_what_it_loads() -> None:
    """The imports that only type checkers see are those that happen when a name is used."""
    shown = _nodes_in(_tree("runnables"), _is_typing_block)
    for node in shown:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for it in node.names:
                assert _face()[it.name] is getattr(module, it.name), it.name
    names = {it.name for node in shown if isinstance(node, ast.ImportFrom) for it in node.names}
    assert names == set(_face())


def test_the_vocabulary_is_there() -> None:
    """What code written for LangChain's expression language imports has the same names here."""
    _expect_none(sorted(VOCABULARY - set(_face())))


VOCABULARY = frozenset(
    """
    Runnable RunnableLambda RunnableGenerator RunnableSequence RunnableParallel RunnablePassthrough
    RunnableAssign RunnablePick RunnableEach RunnableBranch RouterRunnable RunnableBinding
    RunnableWithFallbacks RunnableRetry RunnableConfig chain
    ChatPromptTemplate PromptTemplate MessagesPlaceholder FewShotPromptTemplate
    FewShotChatMessagePromptTemplate
    StrOutputParser JsonOutputParser PydanticOutputParser CommaSeparatedListOutputParser
    NumberedListOutputParser MarkdownListOutputParser EnumOutputParser DatetimeOutputParser
    XMLOutputParser JsonOutputToolsParser PydanticToolsParser OutputParserException
    SystemMessage HumanMessage AIMessage ToolMessage SystemMessageChunk HumanMessageChunk
    AIMessageChunk ToolMessageChunk trim_messages filter_messages merge_message_runs
    convert_to_messages init_chat_model DeterministicFakeEmbedding GenericFakeChatModel
    """.split()
)


def test_every_public_thing_says_what_it_does() -> None:
    """Public classes, functions and methods have docstrings of their own or of their base."""
    silent = [where for where, it in _documented() if not (inspect.getdoc(it) or "").strip()]
    _expect_none(silent)


def _documented() -> Iterator[tuple[str, Any]]:
    for name, value in _face().items():
        if inspect.isclass(value) or isinstance(value, FunctionType):
            yield name, value
        if inspect.isclass(value) and value.__module__.split(".")[0] in {"runnables", "providers"}:
            yield from _methods(name, value)


def _methods(name: str, owner: type) -> Iterator[tuple[str, Any]]:
    for key, value in vars(owner).items():
        is_method = isinstance(value, FunctionType | classmethod | staticmethod | property)
        if is_method and not key.startswith("_"):
            yield f"{name}.{key}", getattr(owner, key)


def test_a_public_class_does_not_borrow_its_docstring() -> None:
    """`inspect.getdoc` finds the base's docstring, which does not say what this class is for."""
    classes = {name: it for name, it in _face().items() if inspect.isclass(it)}
    _expect_none([name for name, it in classes.items() if not vars(it).get("__doc__")])


# --- weight -----------------------------------------------------------------------------------


def test_importing_the_library_loads_nothing_heavy() -> None:
    """You pay for what you use: no HTTP, tracing or command-line library comes with any name."""
    script = "from runnables import *; import sys; "
    script += f"print(*[it for it in {HEAVY!r} if it in sys.modules])"
    assert _python(script) == ""


def test_the_core_needs_three_packages_and_no_other() -> None:
    """Everything that `runnables` imports while it loads is its own, Python's, or declared."""
    declared = {"pydantic", "pydantic_core", "tenacity", "typing_extensions"}
    known = declared | {"runnables", "providers", *sys.stdlib_module_names}
    core = (it for it in _imports() if it.source.split(".")[0] == "runnables")
    foreign = [it for it in core if it.target.split(".")[0] not in known]
    own = [it for it in foreign if not (it.local or it.typing_only)]
    _expect_none([str(it) for it in own if (it.source, it.target) != TESTS_NEED])


def _python(script: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("package", ["runnables", "providers"])
def test_the_types_are_shipped(package: str) -> None:
    """Both packages carry the marker that makes type checkers read them."""
    assert (ROOT / package / "py.typed").is_file()
