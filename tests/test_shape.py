"""The shape of the code: imports point one way, files stay short, the public API is complete."""

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
from typing import Any, cast

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROVIDERS = ROOT / "providers" / "runnables_providers"

LADDER = (
    ("redaction", "client_errors"),
    ("errors", "lazy_names", "public_names"),
    ("engine",),
    ("core",),
    ("compose",),
    ("messages",),
    ("prompts", "parsers", "tools", "cache"),
    ("models",),
    ("agents", "callbacks", "history", "mcp", "retrieval"),
    ("testing", "type_names", "jobs", "graph", "tracing", "migration"),
    ("interop", "serving"),
    ("cli",),
)
"""The folders of `runnables`, lowest first: each imports from itself and from those below it."""

RUNG = {folder: rung for rung, folders in enumerate(LADDER) for folder in folders}

FLUENT = "runnables.compose.runnable"
"""The module of the fluent methods, each of which imports the class that it makes."""

MADE_ABOVE: Mapping[tuple[str, str], str] = {
    (FLUENT, "tools"): "as_tool makes a RunnableTool",
    (FLUENT, "cache"): "with_cache makes a RunnableCache",
    ("runnables.compose.batch_jobs", "jobs"): "start_batch makes a BatchJob",
    ("runnables.compose.pictures", "graph"): "get_graph makes a Graph",
    (FLUENT, "callbacks"): "stream_events makes the dicts of events",
    ("runnables.messages.base", "prompts"): "`+` of messages makes a ChatPromptTemplate",
}
"""The methods' modules, the folders above that they import from, and why; an entry that is not
needed fails."""

MACHINERY = {"threading", "asyncio", "queue", "concurrent", "multiprocessing", "_thread"}
"""Modules that make threads and tasks."""

LAZY_ASYNCIO = "runnables.engine.lazy_asyncio"
"""The module through which the engine imports asyncio."""

ENGINE = "runnables.engine"
"""The only folder of `runnables` that imports them."""

MACHINERY_ELSEWHERE: Mapping[str, str] = {
    "runnables.cli.driving": "the command is a program, with a loop of its own",
    "runnables.testing.sync_async": "tests make the loops that users make",
    "runnables.testing.failures": "a test cancels a task",
    "runnables.testing.replay_server": "a server in the process of the tests",
    "runnables.testing.concurrency": "tests make the threads that users make",
    "runnables.serving.response": "what watches a client runs beside what answers it",
    "runnables.serving.recording": "runs that are kept end in several threads",
    "runnables.serving.kept_runs": "a run that outlives its reader has a task of its own",
    "runnables.serving.frame_buffer": "readers wait for frames, and a run for its readers",
    "runnables.serving.tasks": "it waits for the tasks of the three above",
    "runnables.serving.mcp_runs": "a run is ended once, where the SDK cancels each await again",
    "runnables.jobs.executors.worker": "the main module of other processes",
    "runnables.jobs.executors.pool_engine": "it uses the executor that a user has made",
}
"""Other modules that import them, and why; an entry that is not needed fails."""

MAX_LINES = 400
TOO_LONG: Mapping[str, str] = {
    "runnables": "checkers need a line for each public name",
}
"""Files with more lines, and why; an entry that is not needed fails."""

HEAVY = (
    *("httpx", "aiohttp", "requests", "urllib3", "http.client", "opentelemetry"),
    *("rich", "click", "typer", "argparse", "cyclopts", "jinja2", "xllamacpp", "numpy"),
    *("langchain_core", "tqdm", "pyarrow", "genai_prices"),
    *("rich", "click", "typer", "argparse", "jinja2", "xllamacpp", "numpy", "langchain_core"),
    *("cloudpickle", "dask", "distributed", "ray", "mcp", "mcp_types", "libcst"),
    *("qdrant_client", "langgraph", "langchain_classic", "langchain_text_splitters"),
)
"""Libraries that `import runnables` must not load: HTTP, tracing, command lines, extras."""


AT_THE_TOP = {
    ("runnables.interop", "langchain_core"),
    ("runnables.interop.langchain.memories", "langchain_classic"),
    ("runnables.interop.langchain.splitters", "langchain_text_splitters"),
    ("runnables.testing.require_pytest", "pytest"),
    *(("runnables.serving", package) for package in ("starlette", "anyio", "uvicorn", "mcp")),
    ("runnables.mcp.client", "mcp"),
    ("runnables.cli.app", "cyclopts"),
    ("runnables.migration.statements", "libcst"),
    ("runnables.tracing.spans", "opentelemetry"),
}
"""The only modules and folders of `runnables` that import another package at their top, and the
packages."""


@dataclass(frozen=True)
class Import:
    """One module that another imports.

    Attributes:
        source: the module that imports.
        target: the module that is imported.
        line: the line of the import.
        local: whether it is within a function.
        typing_only: whether it is under `if TYPE_CHECKING`.
    """

    source: str
    target: str
    line: int
    local: bool
    typing_only: bool

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


def _files() -> dict[str, Path]:
    paths = [*(ROOT / "runnables").rglob("*.py"), *PROVIDERS.rglob("*.py")]
    return {_module(path): path for path in sorted(paths)}


def _module(path: Path) -> str:
    return ".".join(
        path.relative_to(PROVIDERS.parent if path.is_relative_to(PROVIDERS) else ROOT)
        .with_suffix("")
        .parts
    ).removesuffix(".__init__")


FILES = _files()


@cache
def _imports() -> tuple[Import, ...]:
    return tuple(imp for name, path in FILES.items() for imp in _imports_of(name, path))


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
    """Return the modules that an import statement loads, also for `from package import module`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: an import must name the whole path"
        origin = node.module or ""
        found = {f"{origin}.{alias.name}" for alias in node.names} & FILES.keys()
        return sorted(found) if len(found) == len(node.names) else [origin, *sorted(found)]
    return []


def _folder(module: str) -> str:
    """Return the folder of `runnables` that a module lives in; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def _within_core() -> Iterator[Import]:
    for imp in _imports():
        if imp.source.startswith("runnables.") and imp.target.split(".")[0] == "runnables":
            yield imp


def _expect_none(found: Iterable[object]) -> None:
    """Fail with a line for each item that was found."""
    if lines := "\n".join(map(str, found)):
        pytest.fail(f"found:\n{lines}", pytrace=False)


def test_every_folder_has_its_rung() -> None:
    """A new folder, or a module at the root, is listed on the ladder."""
    folders = {_folder(module) for module in FILES if module.startswith("runnables.")}
    _expect_none(sorted(folders ^ RUNG.keys()))


def test_imports_point_down_the_ladder() -> None:
    """A module imports from its own folder and from rungs below, also inside functions."""
    _expect_none(_upwards(_within_core()))


def _upwards(imports: Iterable[Import]) -> list[Import]:
    """Return the imports that break the rule of the ladder."""
    return [imp for imp in imports if not _is_downwards(imp) and not _is_fluent(imp)]


def _is_downwards(imp: Import) -> bool:
    source, target = _folder(imp.source), _folder(imp.target)
    return source == target or (target in RUNG and RUNG[target] < RUNG[source])


def _is_fluent(imp: Import) -> bool:
    """Tell whether a method imports what it makes."""
    is_deferred = imp.local or imp.typing_only
    return is_deferred and (imp.source, _folder(imp.target)) in MADE_ABOVE


def test_fluent_methods_reach_up_for_what_is_named() -> None:
    """The list of what they import from above has no idle entry."""
    upwards = [imp for imp in _within_core() if not _is_downwards(imp)]
    _expect_none(sorted({(imp.source, _folder(imp.target)) for imp in upwards} ^ MADE_ABOVE.keys()))


@pytest.mark.parametrize(
    "line",
    [
        "from runnables.models.chat import ChatModel",
        "import runnables.models.chat",
        "def f():\n    from runnables.models.chat import ChatModel",
        "if TYPE_CHECKING:\n    from runnables.models.chat import ChatModel",
        "from runnables.parsers.base import BaseOutputParser",
    ],
    ids=["at the top", "import statement", "in a function", "for checkers", "from its own rung"],
)
def test_an_import_upwards_is_found(tmp_path: Path, line: str) -> None:
    """A copy of a module with one arrow upwards, or sideways, fails the rule."""
    source = "runnables.prompts.chat"
    copy = tmp_path / "chat.py"
    copy.write_text(f"{FILES[source].read_text(encoding='utf-8')}\n\n{line}\n", encoding="utf-8")
    assert len(_upwards(imp for imp in _imports_of(source, copy) if _is_ours(imp.target))) == 1


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "runnables"


def test_modules_of_a_folder_do_not_import_its_init() -> None:
    """Inside a folder, a module imports the module that defines a name."""
    inits = {name for name, path in FILES.items() if path.name == "__init__.py"}
    _expect_none(imp for imp in _within_core() if imp.target in inits and _holds(imp))


def _holds(imp: Import) -> bool:
    """Tell whether the package that is imported holds the module that imports it."""
    return imp.source.startswith(f"{imp.target}.")


def test_nothing_imports_the_public_api() -> None:
    """Library code imports the module that defines a name, never `runnables` itself."""
    _expect_none([str(imp) for imp in _within_core() if imp.target == "runnables"])


def test_the_framework_does_not_import_the_providers() -> None:
    """Models are found through entry points."""
    core = (imp for imp in _imports() if imp.source.split(".")[0] == "runnables")
    _expect_none([str(imp) for imp in core if imp.target.split(".")[0] == "runnables_providers"])


def test_folders_form_no_circle() -> None:
    """Of two folders, at most one imports the other, apart from the fluent methods."""
    needs: dict[str, set[str]] = {}
    for imp in _within_core():
        if not _is_fluent(imp) and _folder(imp.source) != _folder(imp.target):
            needs.setdefault(_folder(imp.source), set()).add(_folder(imp.target))
    graphlib.TopologicalSorter(needs).prepare()


def test_imports_form_no_circle() -> None:
    """No two modules need each other while they load."""
    needs: dict[str, set[str]] = {}
    for imp in _imports():
        if imp.target in FILES and not imp.local and not imp.typing_only:
            needs.setdefault(imp.source, set()).add(imp.target)
    graphlib.TopologicalSorter(needs).prepare()


def test_a_fluent_method_is_imports_and_one_return() -> None:
    """Behind the imports of a fluent method, there is one statement."""
    too_long = []
    for function in filter(_is_function, ast.walk(_tree("runnables.compose.runnable"))):
        body = [statement for statement in function.body if not _is_docstring(statement)]  # type: ignore[attr-defined]
        if any(map(_imports_ours, body)) and not all(map(_imports_ours, body[:-1])):
            too_long.append(f"line {function.lineno}: {function.name}")  # type: ignore[attr-defined]
    _expect_none(too_long)


def _tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imports_ours(node: ast.AST) -> bool:
    return any(map(_is_ours, _targets(node)))


def test_only_the_engine_makes_threads_and_tasks() -> None:
    """Other modules get threads, tasks and locks from `engine`."""
    machinery = {
        imp.source
        for imp in _imports()
        if imp.source.split(".")[0] == "runnables"
        and not imp.source.startswith(ENGINE)
        and not imp.typing_only
        and (imp.target.split(".")[0] in MACHINERY or imp.target == LAZY_ASYNCIO)
    }
    _expect_none(sorted(machinery ^ MACHINERY_ELSEWHERE.keys()))


def test_no_file_is_longer_than_its_limit() -> None:
    """A file of more than 400 lines is split."""
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in FILES.items()}
    long = {name: count for name, count in lines.items() if count > MAX_LINES}
    _expect_none(f"{name}: {count} lines" for name, count in long.items() if name not in TOO_LONG)
    _expect_none(sorted(TOO_LONG.keys() - long.keys()))


# --- the public API ---------------------------------------------------------------------------


def _public() -> Mapping[str, Any]:
    import runnables

    return {name: getattr(runnables, name) for name in runnables.__all__}


def test_the_public_api_lists_every_name_once() -> None:
    """`__all__` resolves, without repeats, and `dir` shows it."""
    import runnables

    assert len(set(runnables.__all__)) == len(runnables.__all__)
    assert set(_public()) <= set(dir(runnables))


def test_an_init_does_nothing_but_list_names() -> None:
    """The `__init__.py` of every folder imports names and lists them, maybe lazily."""
    allowed = ast.Import | ast.ImportFrom | ast.If | ast.Assign | ast.AnnAssign | ast.FunctionDef
    for name, path in FILES.items():
        if path.name == "__init__.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            code = [node for node in tree.body if not _is_docstring(node)]
            functions = [node.name for node in code if isinstance(node, ast.FunctionDef)]
            assert all(isinstance(node, allowed) for node in code), name
            assert set(functions) <= {"__getattr__", "__dir__"}, name


def test_type_checkers_see_every_name_that_is_loaded() -> None:
    """The imports for type checkers are those that happen when a name is first used."""
    shown = _nodes_in(_tree("runnables"), _is_typing_block)
    for node in shown:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert _public()[alias.name] is getattr(module, alias.name), alias.name
    names = {
        alias.name for node in shown if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert names == set(_public())


def _lazy_packages() -> list[str]:
    return sorted(imp.source for imp in _imports() if imp.target == "runnables.lazy_names")


@pytest.mark.parametrize("package", _lazy_packages())
def test_a_lazy_package_shows_type_checkers_what_it_loads(package: str) -> None:
    """`__all__`, the imports for type checkers, and the names that are loaded are the same."""
    module = importlib.import_module(package)
    blocks = [node for node in _tree(package).body if _is_typing_block(node)]
    shown = {
        alias.name: str(node.module)
        for block in blocks
        for node in cast("ast.If", block).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(module.__all__) == shown.keys()
    assert set(module.__all__) <= set(dir(module))
    for name, home in shown.items():
        assert module.__getattr__(name) is getattr(importlib.import_module(home), name), name


def test_a_lazy_package_refuses_a_name_that_it_does_not_have() -> None:
    """The error is that of any module, and names package and name."""
    messages = importlib.import_module("runnables.messages")
    with pytest.raises(AttributeError, match="'runnables.messages' has no attribute 'HumanMesage'"):
        _ = messages.HumanMesage


def test_the_names_of_langchain_are_public() -> None:
    """Code for LangChain's expression language finds the names that it imports."""
    _expect_none(sorted(LANGCHAIN_NAMES - set(_public())))


LANGCHAIN_NAMES = frozenset(
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


def test_every_public_name_has_a_docstring() -> None:
    """Public classes, functions and methods have docstrings of their own or of their base."""
    undocumented = [
        where for where, value in _documented() if not (inspect.getdoc(value) or "").strip()
    ]
    _expect_none(undocumented)


def _documented() -> Iterator[tuple[str, Any]]:
    for name, value in _public().items():
        if inspect.isclass(value) or isinstance(value, FunctionType):
            yield name, value
        if inspect.isclass(value) and value.__module__.split(".")[0] in {
            "runnables",
            "runnables_providers",
        }:
            yield from _methods(name, value)


def _methods(name: str, owner: type) -> Iterator[tuple[str, Any]]:
    for key, value in vars(owner).items():
        is_method = isinstance(value, FunctionType | classmethod | staticmethod | property)
        if is_method and not key.startswith("_"):
            yield f"{name}.{key}", getattr(owner, key)


def test_a_public_class_does_not_borrow_its_docstring() -> None:
    """A docstring of the base, which `inspect.getdoc` would find, does not describe the class."""
    classes = {name: value for name, value in _public().items() if inspect.isclass(value)}
    _expect_none([name for name, cls in classes.items() if not vars(cls).get("__doc__")])


# --- what an import loads ---------------------------------------------------------------------


def test_importing_the_library_loads_nothing_heavy() -> None:
    """No name loads an HTTP, tracing or command-line library until it is used."""
    script = "from runnables import *; import sys; "
    script += f"print(*[it for it in {HEAVY!r} if it in sys.modules])"
    assert _python(script) == ""


SMALL_CHAIN = """
from runnables import ChatPromptTemplate, FakeListChatModel, StrOutputParser
prompt = ChatPromptTemplate.from_template("Say {x}")
chain = prompt | FakeListChatModel(responses=["hi"]) | StrOutputParser()
assert chain.invoke({"x": 1}) == "hi"
"""

UNUSED = (
    *("asyncio", "concurrent.futures", "logging", "difflib", "tenacity", "pydantic.type_adapter"),
    *("runnables.agents", "runnables.cache", "runnables.tools", "runnables.core.schemas"),
    *("runnables.interop", "runnables.retrieval", "runnables.migration", "sqlite3"),
    *("runnables.compose.policies.attempts", "runnables.models.rate_limits"),
    *("runnables.models.structured.parser", "runnables.models.structured.schemas"),
    *("runnables.parsers.json", "runnables.parsers.typed", "runnables.prompts.few_shot"),
    *("runnables.prompts.formats.jinja", "runnables.prompts.formats.mustache"),
)
"""What a chain of prompt, model and parser does not use."""


def test_a_small_chain_loads_only_what_it_uses() -> None:
    """Its first answer loads nothing that serves other programs."""
    loaded = f"import sys; print(*[name for name in {UNUSED!r} if name in sys.modules])"
    assert _python(SMALL_CHAIN + loaded) == ""


def test_the_framework_needs_three_packages_and_no_other() -> None:
    """Each module that `runnables` imports is its own, Python's, or of a declared dependency."""
    declared = {"pydantic", "pydantic_core", "tenacity", "typing_extensions"}
    known = declared | {"runnables", "runnables_providers", *sys.stdlib_module_names}
    core = (imp for imp in _imports() if imp.source.split(".")[0] == "runnables")
    foreign = [imp for imp in core if imp.target.split(".")[0] not in known]
    own = [imp for imp in foreign if not (imp.local or imp.typing_only)]
    allowed = [imp for imp in own if _is_of_an_extra(imp)]
    _expect_none([str(imp) for imp in own if imp not in allowed])


def _is_of_an_extra(imp: Import) -> bool:
    """Tell whether a module, or its whole folder, may import a package at its top."""
    package = imp.target.partition(".")[0]
    folder = ".".join(imp.source.split(".")[:2])
    return bool({(imp.source, package), (folder, package)} & AT_THE_TOP)


def _python(script: str) -> str:
    """Return what a new interpreter prints for a script."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("package", ["runnables", "runnables_providers"])
def test_the_types_are_shipped(package: str) -> None:
    """Both packages have the marker file that makes type checkers read their types."""
    assert FILES[package].with_name("py.typed").is_file()
