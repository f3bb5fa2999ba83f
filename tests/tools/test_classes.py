"""Tools as classes: fields, `_run` and `_arun`, and what is refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from pydantic import BaseModel, Field, PrivateAttr, field_validator, model_validator

from runnables import (
    AIMessage,
    AsyncCallbackManagerForToolRun,
    BaseTool,
    BaseToolkit,
    CallbackManagerForToolRun,
    ConfigError,
    RunnableConfig,
    SyncAsyncError,
    ToolMessage,
    convert_to_openai_tool,
    create_agent,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Args(BaseModel):
    a: int = Field(description="the first")
    b: int = 2


class Multiply(BaseTool):  # type: ignore[type-arg]  # written as for LangChain
    name: str = "multiply"
    description: str = "Multiply two numbers."
    args_schema: type[BaseModel] = Args
    return_direct: bool = True

    def _run(self, a: int, b: int, run_manager: CallbackManagerForToolRun | None = None) -> int:
        assert type(run_manager) is CallbackManagerForToolRun
        return a * b

    async def _arun(
        self, a: int, b: int, run_manager: AsyncCallbackManagerForToolRun | None = None
    ) -> int:
        assert isinstance(run_manager, AsyncCallbackManagerForToolRun)
        return self._run(a, b, run_manager=run_manager.get_sync())


class Search(BaseTool):  # type: ignore[type-arg]
    name: str = "search"
    description: str = "Search."
    key: str
    limit: int = Field(default=3, ge=1)
    client: Any = None
    _found: dict[str, int] = PrivateAttr(default_factory=dict)

    @field_validator("key")
    @classmethod
    def stripped(cls, value: str) -> str:
        return value.strip()

    @model_validator(mode="after")
    def connect(self) -> Any:
        self.client = f"client of {self.key}"
        return self

    def _run(self, query: str, config: RunnableConfig) -> str:
        """Search it.

        Args:
            query: what to look for
        """
        self._found[query] = len(self._found)
        return f"{self.client}: {query} {config.get('tags')} {self._found}"


def test_a_class_runs_with_its_arguments(call: Call) -> None:
    """`_run` and `_arun` get checked arguments and the run manager that they ask for."""
    tool = Multiply()
    assert call.invoke(tool, {"a": "3"}) == 6
    answer = call.invoke(tool, tool_call(name="multiply", args={"a": 3, "b": 5}, id="1"))
    assert answer == ToolMessage("15", name="multiply", tool_call_id="1")


def test_the_model_sees_neither_the_run_manager_nor_the_config() -> None:
    """The definition has the arguments of the schema, or else of `_run`, and their descriptions."""
    function = convert_to_openai_tool(Multiply())["function"]
    assert (function["name"], function["description"]) == ("multiply", "Multiply two numbers.")
    assert list(function["parameters"]["properties"]) == ["a", "b"]
    assert Search(key="k").args == {
        "query": {"description": "what to look for", "title": "Query", "type": "string"}
    }


def test_fields_are_keywords_of_the_constructor(call: Call) -> None:
    """Fields are validated, have defaults, and go through the validators of the class."""
    tool = Search(key=" k ", limit="4", name="other")
    assert (tool.key, tool.limit, tool.name) == ("k", 4, "other")
    assert call.invoke(tool, "sea", {"tags": ["x"]}) == "client of k: sea ['x'] {'sea': 0}"
    assert Search(key="k")._found == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "'key' must be given"),
        ({"key": "k", "limt": 3}, "Did you mean 'limit'?"),
        ({"key": "k", "limit": 0}, "limit: Input should be greater"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    """An error names the class, the field and what is wrong with it."""
    with pytest.raises(ConfigError, match="Search: ") as caught:
        Search(**settings)
    assert words in str(caught.value)


def test_a_class_needs_a_description_and_a_method() -> None:
    """A class that lacks one of them cannot be built."""

    class Nameless(BaseTool):  # type: ignore[type-arg]
        name: str = "x"

        def _run(self) -> int:
            return 1

    class Idle(BaseTool):  # type: ignore[type-arg]
        name: str = "x"
        description: str = "y"

    with pytest.raises(ConfigError, match="Nameless: 'description' must be given"):
        Nameless()
    with pytest.raises(ConfigError, match="neither a `_run` nor an `_arun`"):
        Idle()


def test_a_schema_fits_its_method() -> None:
    """A schema with an argument that `_run` does not take is refused."""

    class Wrong(BaseTool):  # type: ignore[type-arg]
        name: str = "x"
        description: str = "y"
        args_schema: type[BaseModel] = Args

        def _run(self, a: int) -> int:
            return a

    with pytest.raises(ConfigError, match="names 'b', which _run does not take"):
        Wrong()


async def test_an_async_method_alone_can_only_be_awaited() -> None:
    """It is as with functions."""

    class Awaited(BaseTool):  # type: ignore[type-arg]
        name: str = "x"
        description: str = "y"
        added: Any = None

        def __init__(self, added: int, **settings: Any) -> None:
            super().__init__(added=added, **settings)

        async def _arun(self, a: int) -> int:
            return a + int(self.added)

    tool = Awaited(2)
    assert await tool.ainvoke({"a": 1}) == 3
    with pytest.raises(SyncAsyncError):
        tool.invoke({"a": 1})


def test_a_sync_method_alone_serves_both(call: Call) -> None:
    """Awaited, `_run` runs in a worker thread; an attribute without an annotation sets a field."""

    class Loud(BaseTool):  # type: ignore[type-arg]
        name = "loud"
        description = "Say it loudly."
        args_schema = {  # noqa: RUF012  # as people write it
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
        }

        def _run(self, **arguments: str) -> str:
            return arguments["text"].upper()

    assert call.invoke(Loud(), {"text": "ahoy"}) == "AHOY"


def test_a_class_is_a_value() -> None:
    """It prints, compares, copies and pickles by its fields; private attributes start anew."""
    tool = Search(key="k", limit=2)
    tool.invoke("sea")
    assert repr(Multiply()) == "Multiply()"
    assert "limit=2" in repr(tool)
    for other in (copy.copy(tool), pickle.loads(pickle.dumps(tool))):
        assert other == tool
        assert other._found == {}
        assert other.invoke("sea") == "client of k: sea None {'sea': 0}"


def test_an_agent_takes_classes(call: Call) -> None:
    """Their `return_direct` ends its work."""
    asks = AIMessage("", tool_calls=[tool_call(name="multiply", args={"a": 3}, id="1")])
    model = ScriptedChatModel([asks], cycle=True)
    agent = create_agent(model, [Multiply()])
    assert call.invoke(agent, "3 by 2?")["messages"][-1].text == "6"


def test_a_toolkit_has_fields_and_tools() -> None:
    """It is an abstract class with fields."""

    class Kit(BaseToolkit):
        key: str

        def get_tools(self) -> list[BaseTool[Any]]:
            return [Search(key=self.key)]

    assert [tool.name for tool in Kit(key="k").get_tools()] == ["search"]
    with pytest.raises(ConfigError, match="'key' must be given"):
        Kit()


def test_methods_that_report_are_explained() -> None:
    """The run manager says what reports here."""
    with pytest.raises(AttributeError, match="dispatch_custom_event"):
        CallbackManagerForToolRun({}).on_text("x")  # type: ignore[attr-defined]
