"""Random chains, with names that no format is prepared for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from runnables import (
    AgentExecutor,
    ChatPromptTemplate,
    ConfigurableField,
    FakeListChatModel,
    InMemoryHistory,
    JsonOutputParser,
    PromptTemplate,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    StrOutputParser,
    SummarizeHistory,
    create_agent,
    tool,
    with_history,
)
from runnables_providers.scripted import ScriptedChatModel

ODD_NAMES = (
    *('end"', "[x]", "{y}", "(z)", "|", "a --> b", "<b>bold</b>", "`code`", "\\", "#35;", "&amp;"),
    *(
        "end",
        "subgraph",
        "graph TD",
        "class",
        "style a:b#c;",
        '%%{init: {"theme": "x"}}%%',
        "%% no",
    ),
    *(
        "1. first",
        "- item",
        "+ x",
        "# head",
        "**x**",
        "a\nb",
        "\t",
        "",
        " ",
        "日本語",
        "é",
        "\u202e",
    ),
    *("click n0 href", ":::x", "$$x$$", "fa:fa-car", "ﬂ°°35¶ß", "\ud800", "\x00", "x" * 200, "---"),
)
"""Names that mean something in Mermaid, in Markdown, in HTML, or to a terminal."""

_LETTERS = st.characters(exclude_characters="┌└├┬┴┼┐┘┤│─")  # a picture draws lines with these
NAMES = st.sampled_from(ODD_NAMES) | st.text(_LETTERS, max_size=12)


def _identity(value: Any) -> Any:
    return value


def _chunks(chunks: Any) -> Any:
    yield from chunks


@tool
def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _model() -> ScriptedChatModel:
    return ScriptedChatModel(["yes"], cycle=True)


LEAVES: st.SearchStrategy[Runnable[Any, Any]] = st.one_of(
    NAMES.map(lambda name: RunnableLambda(_identity, name=name)),
    NAMES.map(lambda name: RunnableGenerator(_chunks, name=name)),
    NAMES.map(lambda name: FakeListChatModel(responses=["yes"], name=name)),
    NAMES.map(lambda name: ScriptedChatModel(["yes"], model=name)),
    st.sampled_from(["a", "x y", '"']).map(RunnablePick),
    st.builds(RunnablePassthrough),
    st.builds(StrOutputParser),
    st.just(RunnableLambda(lambda value: value)),
    st.just(PromptTemplate.from_template("{text}")),
    st.just(JsonOutputParser().with_repair(_model())),
    st.just(create_agent(_model(), [_add])),
    st.just(_model().with_structured_output(dict[str, Any], method="json_mode", repair=2)),
    st.just(SummarizeHistory(_model(), max_tokens=10)),
    st.just(AgentExecutor(ChatPromptTemplate.from_template("{text}") | _model(), [_add])),
)

Chain = Runnable[Any, Any]


def _sequence(parts: list[Chain], name: str | None) -> Chain:
    try:
        return RunnableSequence(*parts, name=name)
    except TypeError:  # two that can never fit
        return parts[0]


def _around(inside: st.SearchStrategy[Chain]) -> st.SearchStrategy[Chain]:
    several = st.lists(inside, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inside, max_size=3)
    wrappers: list[Callable[[Chain], Chain]] = [
        lambda part: part.map(),
        lambda part: part.with_retry(),
        lambda part: part.with_timeout(3),
        lambda part: part.with_cache(),
        lambda part: part.with_config(max_concurrency=2),
        lambda part: part.bind(stop=["x"]),
        lambda part: part.as_tool(name="a_tool", arg_types={"text": str}),
        lambda part: with_history(part, InMemoryHistory()),
    ]
    return st.one_of(
        st.builds(_sequence, several, st.none() | NAMES),
        st.builds(RunnableParallel, named, name=st.none() | NAMES),
        named.map(lambda branches: RunnablePassthrough().assign(**branches)),
        named.filter(bool).map(RouterRunnable),
        st.builds(lambda part, wrap: wrap(part), inside, st.sampled_from(wrappers)),
        st.builds(lambda part, name: part.with_config(run_name=name), inside, NAMES),
        st.builds(lambda part, others: part.with_fallbacks(others), inside, several),
        st.builds(lambda when, part: RunnableBranch((when, part), part), inside, inside),
        st.builds(
            lambda part, other, name: part.configurable_alternatives(
                ConfigurableField(id=name), other=other, later=_model
            ),
            *(inside, inside, NAMES),
        ),
    )


CHAINS: st.SearchStrategy[Chain] = st.recursive(LEAVES, _around, max_leaves=8)
