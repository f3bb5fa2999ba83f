"""Tags, metadata, handlers and printing that a tool itself asks for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from runnables import (
    BaseTool,
    CallbackManagerForToolRun,
    ConfigError,
    Event,
    RunnableLambda,
    StructuredTool,
    Tool,
    tool,
)
from tests.both_modes import Call


class Starts:
    """A handler that keeps the starts: name, tags, metadata."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, list[str], dict[str, Any]]] = []

    def on_event(self, event: Event) -> None:
        if event.kind == "start":
            self.seen.append((event.name, list(event.tags), dict(event.metadata)))


def shout(text: str) -> str:
    """Say it loudly."""
    return RunnableLambda(str.upper, name="inner").invoke(text)


class Shout(BaseTool):  # type: ignore[type-arg]  # written as for LangChain
    name: str = "shout"
    description: str = "Say it loudly."

    def _run(self, text: str) -> str:
        return shout(text)


MAKERS: dict[str, Callable[..., Any]] = {
    "StructuredTool.from_function": lambda **settings: StructuredTool.from_function(
        shout, **settings
    ),
    "StructuredTool": lambda **settings: StructuredTool(shout, **settings),
    "Tool": lambda **settings: Tool("shout", shout, "Say it loudly.", **settings),
    "Tool.from_function": lambda **settings: Tool.from_function(
        shout, "shout", "Say it loudly.", **settings
    ),
    "a class": Shout,
}
EACH_MAKER = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@EACH_MAKER
def test_a_tool_adds_to_the_config_of_its_runs(make: Callable[..., Any], call: Call) -> None:
    """Its handlers get the events of its own runs; its tags and metadata are inside, too."""
    own, around = Starts(), Starts()
    made = make(tags=["loud"], metadata={"deck": 1}, callbacks=[own])
    assert call.invoke(made, "ahoy") == "AHOY"
    assert own.seen == [("shout", ["loud"], {"deck": 1})]
    config: Any = {"callbacks": [around, own], "tags": ["night"]}
    assert call.invoke(made, "ahoy", config) == "AHOY"
    assert around.seen == [
        ("shout", ["night", "loud"], {"deck": 1}),
        ("inner", ["night", "loud"], {"deck": 1}),
    ]
    assert own.seen[1:] == around.seen  # once, as it was in the config
    assert config == {"callbacks": [around, own], "tags": ["night"]}


def test_each_way_to_run_reports_to_the_tools_handlers(call: Call) -> None:
    """A batch, a stream and a step of a chain are runs, too."""
    own = Starts()
    made = Shout(callbacks=[own])
    assert call.batch(made, ["a", "b"]) == ["A", "B"]
    assert call.stream(made, "a") == ["A"]
    assert call.invoke(made | str, "a") == "A"
    assert [name for name, *_ in own.seen] == ["shout"] * 4


def test_a_class_may_set_them(call: Call) -> None:
    """As fields with a default; they print and copy with the tool."""

    class Quiet(Shout):
        tags: list[str] = ["quiet"]  # noqa: RUF012  # as people write it

    own = Starts()
    made = copy.copy(Quiet(callbacks=[own]))
    call.invoke(made, "ahoy")
    assert own.seen == [("shout", ["quiet"], {})]
    assert repr(Quiet(tags=["x"])) == "Quiet(tags=['x'])"


def test_verbose_prints_the_runs_of_the_tool(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does so once, with a ConsoleHandler, and not the calls inside."""
    call.invoke(Shout(), "ahoy")
    assert capsys.readouterr().err == ""
    call.invoke(Shout(verbose=True), "ahoy")
    printed = capsys.readouterr().err
    assert printed.startswith("▶ shout 'ahoy'\n✓ shout ")
    assert printed.count("shout") == 2
    Shout(verbose=True).run("ahoy", verbose=True)
    assert capsys.readouterr().err.count("▶ shout") == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tags": "loud"}, "'tags': 'loud' is not a list"),
        ({"metadata": 3}, "'metadata': 3 is not a dict"),
        ({"callbacks": [3]}, "3 has no method on_event"),
    ],
)
@EACH_MAKER
def test_wrong_settings_are_refused(
    make: Callable[..., Any], settings: dict[str, Any], words: str
) -> None:
    """They are checked as the config of a call is."""
    with pytest.raises(ConfigError) as caught:
        make(**settings)
    assert words in str(caught.value)


def test_run_takes_the_manager_of_the_run_around() -> None:
    """Its handlers count once; a list of handlers will do; ids are part of the config."""
    seen = Starts()
    ids: list[str | None] = []

    @tool
    def outer(text: str, run_manager: CallbackManagerForToolRun) -> str:
        """Pass it on."""
        ids.append(str(run_manager.run_id))
        return str(Shout().run(text, run_manager=run_manager))

    assert outer.invoke("a", {"callbacks": [seen]}) == "A"
    assert [name for name, *_ in seen.seen] == ["outer", "shout", "inner"]
    assert outer.run("a", run_manager=[seen], run_id="7") == "A"
    assert [name for name, *_ in seen.seen] == ["outer", "shout", "inner"] * 2
    assert ids[1] == "7"


def test_they_do_not_count_for_a_cache() -> None:
    """Two tools that differ in them alone give the same answers."""
    first, second = Shout(tags=["a"]), Shout(verbose=True)
    assert first._identity() == second._identity()
    assert first != second
