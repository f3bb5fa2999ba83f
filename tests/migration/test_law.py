"""For any form of import: the code parses, names are bound as before, and a second run is idle."""

from __future__ import annotations

import ast
import re

from hypothesis import example, given, strategies as st

from runnables.migration.comments import comments
from runnables.migration.reading import read
from runnables.migration.source import migrate_cells, migrate_source

MODULES = [
    "langchain", "langchain_core.prompts", "langchain_core.runnables.base", "langchain_openai",
    "langchain.chat_models.openai", "langchain_community.llms", "langchain_core.pydantic_v1",
    "langgraph.graph", "langchain_core", "langchain_text_splitters", "json", "langchain_mine",
]  # fmt: skip
NAMES = [
    "ChatPromptTemplate", "tool", "StructuredPrompt", "ChatOpenAI", "ModelRateLimitError",
    "Ollama", "prompts", "runnables", "LLMChain", "create_agent", "messages", "Agent",
]  # fmt: skip
BOUND = ["p", "x", "runnables", "tool", "langchain_core", "é"]

names = st.sampled_from(NAMES)
modules = st.sampled_from(MODULES)
spaces = st.sampled_from([" ", "  ", "\t"])
maybe_as = st.one_of(st.just(""), st.sampled_from(BOUND).map(lambda name: f" as {name}"))
inside = st.sampled_from(["", "", " ", "  # why\n", "\n    # 'é' (\n  ", " # a\n\n# langchain\n"])
"""What may be between any two tokens in brackets."""


@st.composite
def spread(draw: st.DrawFn, *tokens: str) -> str:
    """Draw tokens that are in brackets, with comments and line ends anywhere between them."""
    return "".join(f"{draw(inside)}{token}" for token in tokens) + draw(inside)


@st.composite
def imports(draw: st.DrawFn) -> str:
    """Draw an import statement in one of its forms."""
    if draw(st.booleans()):
        parts = draw(st.lists(st.tuples(modules, maybe_as), min_size=1, max_size=3))
        between = draw(st.sampled_from([", ", ",\t", " ,  ", ", \\\n    "]))
        return "import " + between.join(f"{module}{bound}" for module, bound in parts)
    start = f"from{draw(spaces)}{draw(modules)}{draw(spaces)}import "
    form = draw(st.sampled_from(["plain", "brackets", "lines", "hugging", "backslash", "star"]))
    if form == "star":
        return f"{start}*"
    aliases = draw(st.lists(st.tuples(names, maybe_as), min_size=1, max_size=4))
    found = [f"{name}{bound}" for name, bound in aliases]
    comment = draw(st.sampled_from(["", "  # why", "\n        # above"]))
    trailing = draw(st.sampled_from(["", ","]))
    lines = f",{comment}\n        ".join(found)
    tokens = [token for name, bound in aliases for token in (name, *_spaced(bound), ",")]
    return (
        start
        + {
            "plain": ", ".join(found),
            "brackets": f"({draw(spread(*(tokens if trailing else tokens[:-1])))})",
            "lines": f"(  # open\n        {lines}{trailing}{comment}\n    )",
            "hugging": f"({lines})",
            "backslash": ", \\\n    ".join(found),
        }[form]
    )


def _spaced(bound: str) -> list[str]:
    """Return the tokens of ` as name`, if there are any."""
    return [f" {word} " for word in bound.split()]


@st.composite
def uses(draw: st.DrawFn) -> str:
    """Draw a statement that uses what may have been imported."""
    root = draw(st.sampled_from([*BOUND, *NAMES, "langchain", "langchain_openai", "model"]))
    path = draw(st.sampled_from(["", ".prompts", ".ChatPromptTemplate", ".runnables.base.tool"]))
    if draw(st.booleans()):
        dotted = draw(spread(*re.findall(r"\.|\w+", root + path)))
        value = f"({dotted})" if draw(st.booleans()) else f"({draw(spread(root))}){path}"
        call = draw(spread("model_name", "=", root, ",", "api_key", "=", f"f({value})", ","))
        return draw(
            st.sampled_from([f"x = {value}", f"{value}({call})", f"LLMChain({value},{call})"])
        )
    after = draw(st.sampled_from(["", "(model_name=1)", ".x.y", " = 1", "(f'{p.tool}')"]))
    return f"{root}{path}{after}"


@st.composite
def modules_with_a_use(draw: st.DrawFn) -> str:
    """Draw an import of a module that becomes ours with its uses, and one use."""
    if draw(st.booleans()):
        whole = draw(spread("langchain_core", ".", "messages", ".", "AIMessage"))
        return f"import langchain_core.messages\nx = ({whole})"
    bound = draw(st.sampled_from(["messages", "m", "n"]))
    renamed = [] if bound == "messages" else [" as ", bound]
    others = draw(st.sampled_from([[], [",", " tool"], [",", " LLMChain", ","]]))
    package = draw(st.sampled_from(["langchain", "langchain_core"]))
    brackets = draw(spread("messages", *renamed, *others))
    return f"from {package} import ({brackets})\nx = ({draw(spread(bound, '.', 'AIMessage'))})"


MADE = [
    "from langchain_openai import ChatOpenAI\nmodel = ChatOpenAI(  # why\n    model_name='m')",
    "from langchain.chains import (  # why\n    LLMChain)",
]
"""What makes a model, and takes one: both may be at the top."""

FORMS = {
    "plain": "{}",
    "if": "if x:\n    {}",
    "types": "if TYPE_CHECKING:  # why\n    {}  # for types\nelse:  # why\n    pass",
    "suite": "if x: {}",
    "beside": "a = 'é'; {}; b = 2",
    "strings": "a = '''\n# no comment'''; {}; b = '''\n#'''  # why",
    "comment": "{}  # langchain_core",
    "try": "try:  # why\n    {}\nexcept ImportError:  # why\n    {}  # older\nelse:  # why\n    x",
    "decorator": "@tool  # why\n@(langchain_core.tools  # why\n.tool)\ndef f():  # why\n    {}",
}
"""Where a statement may be."""


@st.composite
def parts(draw: st.DrawFn) -> list[str]:
    """Draw parts of code: imports and uses, at the top, in blocks, and beside others on a line."""
    statements = draw(
        st.lists(st.one_of(imports(), uses(), modules_with_a_use()), min_size=1, max_size=6)
    )
    lines = draw(st.lists(st.sampled_from(MADE), max_size=2))
    for statement in statements:
        form = draw(st.sampled_from(sorted(FORMS)))
        if statement.endswith("*") and form != "comment":
            form = "plain"
        if "\nx = " in statement:
            form = draw(st.sampled_from(["plain", "comment"]))
        lines.append(FORMS[form].replace("{}", statement))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return [line.replace("\n", newline) + newline for line in lines]


def _bound(text: str) -> set[str]:
    """Return the names that imports bind, apart from paths of modules."""
    return {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname or (isinstance(node, ast.ImportFrom) and alias.name != "*")
    }


@example("import langchain,\tlangchain as p\np(f'{p.tool}')\n")
@example("from langchain.tools import tool as p\nimport langgraph.graph as g\ng.f(f'{p}', p)\n")
@given(parts().map("".join))
def test_any_code_parses_after_it_and_a_second_run_changes_nothing(text: str) -> None:
    """Names are bound as before: only more are, where modules are imported by their path."""
    once = migrate_source(text).text
    ast.parse(once)
    assert migrate_source(once).text == once
    new = {"runnables"} if "import runnables" in once else set()
    assert _bound(text) - _bound(once) <= new
    assert sorted(comments(once)) == sorted(comments(text))


@given(parts())
def test_the_cells_of_a_notebook_parse_after_it_and_keep_their_comments(cells: list[str]) -> None:
    """Each cell its own, and a second run changes nothing."""
    once = [found.text for found in migrate_cells([read(cell) for cell in cells])]
    assert [found.text for found in migrate_cells([read(cell) for cell in once])] == once
    for before, after in zip(cells, once, strict=True):
        assert sorted(comments(after)) == sorted(comments(before))


@given(st.text())
def test_any_text_is_refused_or_read(text: str) -> None:
    """Nothing but the error for it is raised, and code without LangChain stays as it is."""
    try:
        read(text)
    except Exception as error:
        assert type(error).__name__ == "UnreadableCode"
    else:
        assert migrate_source(text).text == text
