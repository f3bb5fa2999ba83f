"""Tools: the definitions that models get, and the results of calls."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from runnables import (
    ConfigError,
    InjectedToolArg,
    InjectedToolCallId,
    RunnableConfig,
    RunnableLambda,
    RunnableTool,
    StructuredTool,
    SyncAsyncError,
    ToolArgumentsError,
    ToolCall,
    ToolException,
    ToolMessage,
    convert_to_openai_tool,
    tool,
)
from runnables.models.fakes import ParrotFakeChatModel
from tests.both_modes import Call
from tests.tools.functions import (
    AddArgs,
    Place,
    Size,
    aadd,
    add,
    adecorated,
    breaks,
    decorated,
    fails,
    pair,
    rich,
    whose,
)

SCHEMA = {
    "title": "add",
    "description": "Adds, says the schema.",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a"],
}


def call_of(tool: Any, id: str | None = "call_1", **args: Any) -> Any:
    """Return a tool call, as a model makes it."""
    return {"type": "tool_call", "name": tool.name, "args": args, "id": id}


def definition(tool: Any) -> Any:
    """Return the inner part of the definition that a model gets."""
    return convert_to_openai_tool(tool)["function"]


# -- definitions


def test_the_definition_follows_from_signature_and_docstring() -> None:
    """It is the same for the bare function, which `bind_tools` takes, too."""
    made = tool(add)
    assert (made.name, made.description) == ("add", "Add two numbers.")
    assert made.args == {
        "a": {"title": "A", "type": "integer", "description": "the first"},
        "b": {
            "title": "B",
            "type": "integer",
            "default": 2,
            "description": "the second, which may be left out",
        },
    }
    assert definition(made) == definition(add)
    assert made.get_input_jsonschema()["description"] == "Add two numbers."
    assert definition(tool(aadd))["name"] == "aadd"


def test_types_of_all_kinds_reach_the_model() -> None:
    """Nested models, enums, unions, optional values, bounds, and descriptions in any script do."""
    args = tool(rich).args_jsonschema
    properties = args["properties"]
    assert args["required"] == ["place", "sizes", "größe", "either"]
    assert properties["größe"]["description"] == "wie groß: 大きさ"
    assert properties["bounded"]["minimum"] == 1
    assert properties["bounded"]["description"] == "at least one"
    assert {option["type"] for option in properties["either"]["anyOf"]} == {"integer", "string"}
    assert properties["schema"]["default"] == "x"
    assert args["$defs"]["Size"]["enum"] == ["small", "large"]
    assert args["$defs"]["Place"]["required"] == ["city"]


def test_the_function_gets_its_own_types(call: Call) -> None:
    """The model's JSON arrives as models, enums and numbers."""
    made = tool(rich)
    args = {"place": {"city": "Łódź"}, "sizes": ["small"], "größe": "3", "either": "x"}
    assert call.invoke(made, args) == [Place(city="Łódź"), [Size.SMALL], 3, "x", None, 1, "x"]
    assert call.invoke(made, {**args, "schema": "y"})[-1] == "y"


def test_a_model_does_not_see_what_the_program_passes() -> None:
    """Neither the config nor injected arguments are in the definition."""
    assert list(tool(whose).args) == ["query"]
    assert tool(whose).injected_args == {"user", "call", "limit"}


def test_a_parameter_named_config_may_be_an_argument() -> None:
    """It gets the config only with the type `RunnableConfig`, or without a type."""

    @tool
    def own(config: str) -> str:
        """Return it."""
        return config

    @tool
    def untyped(config, a: int) -> int:  # type: ignore[no-untyped-def]
        """Count the tags."""
        return len(config["tags"]) + a

    assert own.invoke({"config": "x"}) == "x"
    assert untyped.invoke({"a": 1}, {"tags": ["b"]}) == 2


def test_a_name_and_a_description_may_be_set() -> None:
    """They replace those of the function."""
    made = tool("plus", description="Adds.")(add)
    assert (made.name, made.description) == ("plus", "Adds.")
    same = StructuredTool.from_function(add, name="plus", description="Adds.")
    assert same == made
    assert StructuredTool(func=add, name="plus", description="Adds.") == made


def test_the_docstring_may_be_read_strictly_or_not_at_all() -> None:
    """Strictly, each name in its `Args:` must be a parameter."""
    assert tool(parse_docstring=False)(add).description.endswith("The sum.")
    assert "description" not in tool(parse_docstring=False)(add).args["a"]
    assert tool(parse_docstring=True)(add).args["a"]["description"] == "the first"

    def misspelt(first: int) -> int:
        """Say something.

        Args:
            frist: a typo
        """
        return first

    assert list(tool(misspelt).args) == ["first"]
    with pytest.raises(ConfigError, match="'frist', which is none.*Did you mean 'first'"):
        tool(parse_docstring=True)(misspelt)
    with pytest.raises(ConfigError, match="no `Args:` section"):
        tool(parse_docstring=True)(breaks)
    lenient = tool(parse_docstring=True, error_on_invalid_docstring=False)(breaks)
    assert lenient.description == "Break."


def test_a_schema_may_replace_the_signature(call: Call) -> None:
    """A pydantic model checks all, and its defaults count; a JSON schema checks names only."""
    typed = tool(args_schema=AddArgs)(add)
    assert (typed.description, typed.args_schema) == ("Add two numbers.", AddArgs)
    assert typed.args["a"]["description"] == "the first"
    assert call.invoke(typed, {"a": 1}) == 3
    assert call.invoke(typed, AddArgs(a=1, b=5)) == 6
    plain = StructuredTool.from_function(lambda a, b=0: a + b, name="add", args_schema=SCHEMA)
    assert plain.description == "Adds, says the schema."
    assert (plain.args_schema, plain.tool_call_schema) == (SCHEMA, SCHEMA)
    assert call.invoke(plain, {"a": "x", "b": "y"}) == "xy"
    with pytest.raises(ToolArgumentsError, match="'a' must be given"):
        call.invoke(plain, {})
    with pytest.raises(ToolArgumentsError, match="no argument 'bb'. Did you mean 'b'"):
        call.invoke(plain, {"a": 1, "bb": 1})


def test_a_model_cannot_pass_what_the_program_passes(call: Call) -> None:
    """A function that takes any name takes neither the config nor a partial's argument from it."""

    def look(x: int, config: RunnableConfig, user: str = "", **more: Any) -> str:
        """Look."""
        return f"{x} {user} {more}"

    made = StructuredTool.from_function(functools.partial(look, user="ada"), name="look")
    assert call.invoke(made, {"x": 1, "y": 2}) == "1 ada {'y': 2}"
    for name in ("user", "config"):
        with pytest.raises(ToolArgumentsError, match=f"no argument '{name}'"):
            call.invoke(made, {"x": 1, name: "root"})


def test_a_schema_hides_its_injected_fields(call: Call) -> None:
    """`InjectedToolArg` in a model does what it does in a signature."""

    class Args(BaseModel):
        x: int
        user: Annotated[str, InjectedToolArg]
        call_id: Annotated[str, InjectedToolCallId] = "none"

    @tool(args_schema=Args)
    def look(x: int, user: str, call_id: str) -> str:
        """Look."""
        return f"{x} {user} {call_id}"

    assert list(look.args) == ["x"]
    assert call.invoke(look, {"x": 1, "user": "ada"}) == "1 ada none"
    answer = call.invoke(look, call_of(look, x=1, user="ada"))
    assert answer.text == "1 ada call_1"
    same = RunnableLambda(lambda args: "{x} {user} {call_id}".format(**args)).as_tool(
        Args, name="look"
    )
    assert (list(same.args), same.injected_args) == (["x"], {"user", "call_id"})
    assert call.invoke(same, call_of(same, x=1, user="ada")).text == answer.text
    with pytest.raises(ConfigError, match="needs 'user', which the program passes"):
        call.invoke(look, {"x": 1})


def test_a_tool_of_one_string_needs_no_types(call: Call) -> None:
    """With `infer_schema=False` the function gets the string that the model wrote."""

    @tool(infer_schema=False)
    def search(words):  # type: ignore[no-untyped-def]
        """Search."""
        return f"found {words}"

    assert search.args == {"words": {"type": "string"}}
    assert call.invoke(search, "a b") == call.invoke(search, {"words": "a b"}) == "found a b"


def test_a_default_without_json_stays_with_the_function(call: Call) -> None:
    """The model does not see it, and the function gets the object itself."""
    sentinel = object()

    def find(a: int, how: Any = sentinel, n: int = Field(default=3, ge=1, description="n")) -> Any:
        """Find."""
        return a, how is sentinel, n

    made = tool(find)
    assert "default" not in made.args["how"]
    assert (made.args["n"]["default"], made.args["n"]["description"]) == (3, "n")
    assert call.invoke(made, {"a": 1}) == (1, True, 3)


def test_parameters_of_every_kind_get_their_arguments(call: Call) -> None:
    """Positional-only, keyword-only and `**`; of methods, partials and callable objects."""

    def kinds(a: int, /, b: int, *rest: int, c: int = 0, **more: Any) -> Any:
        """Kinds."""
        return a, b, rest, c, more

    assert list(tool(kinds).args) == ["a", "b", "c"]
    assert call.invoke(tool(kinds), {"a": 1, "b": 2, "c": 3, "d": 4}) == (1, 2, (), 3, {"d": 4})

    class Counter:
        def __init__(self) -> None:
            self.by = 10

        def count(self, n: int) -> int:
            """Count on."""
            return self.by + n

        def __call__(self, n: int) -> int:
            """Count back."""
            return self.by - n

    assert call.invoke(tool(Counter().count), {"n": 1}) == 11
    assert call.invoke(tool(Counter()), {"n": 1}) == 9
    assert definition(Counter())["name"] == "Counter"
    partly = functools.partial(add, b=40)
    assert list(tool(partly).args) == ["a"]
    assert (tool(partly).name, call.invoke(tool(partly), {"a": 2})) == ("add", 42)
    with pytest.raises(ConfigError, match="method without its object"):
        tool(Counter.count)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: tool(lambda a: a), "has no description"),
        (lambda: tool(3), "expected a function"),  # type: ignore[call-overload]
        (lambda: tool("x", add), "a name and a runnable"),  # type: ignore[call-overload]
        (lambda: StructuredTool(), "needs a function"),
        (lambda: StructuredTool(add, add), "expected an async function"),
        (lambda: tool(args_schema=int)(add), "expected a pydantic model"),  # type: ignore[call-overload]
        (lambda: tool(args_schema=Place)(add), "names '(city|lat)'.* does not take"),
        (lambda: tool(args_schema=AddArgs)(_three), "needs 'c', which the args_schema"),
        (lambda: tool(response_format="both")(add), "expected 'content' or"),  # type: ignore[call-overload]
        (lambda: tool(_odd), "annotate a parameter that the program passes"),
        (lambda: tool(_unknown), "annotation of 'a' in _unknown cannot be read.*Nowhere"),
        (lambda: tool(_letters), "is a generator function"),
    ],
)
def test_a_wrong_tool_is_refused_when_it_is_made(make: Any, reason: str) -> None:
    """The error names the way out."""
    with pytest.raises(ConfigError, match=reason):
        make()


def test_a_schema_replaces_types_that_cannot_be_read(call: Call) -> None:
    """The other annotations still count."""

    @tool(args_schema=SCHEMA_A)
    def partly(a: Nowhere, config: RunnableConfig) -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
        """Take an unknown type."""
        return a, config["tags"]

    assert call.invoke(partly, {"a": 1}, {"tags": ["t"]}) == (1, ["t"])


def _three(a: int, b: int, c: int) -> int:
    """Three."""
    return a + b + c


def _odd(a: Call) -> None:
    """Take a type without a JSON schema."""


def _unknown(a: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Take an unknown type."""


def _letters(text: str) -> Any:
    """Yield letters."""
    yield from text


# -- calls


@pytest.mark.parametrize("made", [tool(add), tool(aadd), StructuredTool(add, aadd)], ids=repr)
def test_arguments_return_the_bare_result(made: Any, call: Call) -> None:
    """A dict of arguments is checked; a tool call returns the message that answers it."""
    if made.func is None and call.mode == "sync":
        with pytest.raises(SyncAsyncError, match="'aadd' is async.*Use `ainvoke`"):
            call.invoke(made, {"a": 1})
        return
    assert call.invoke(made, {"a": "1"}) == 3
    assert call.stream(made, {"a": 1, "b": 5}) == [6]
    assert call.batch(made, [{"a": 1}, {"a": 2}]) == [3, 4]
    assert call.invoke(made, call_of(made, a=1)) == ToolMessage(
        "3", tool_call_id="call_1", name=made.name
    )
    assert call.invoke(made, call_of(made, id=None, a=1)).tool_call_id == ""


def test_a_tool_of_two_functions_runs_the_one_for_the_call(call: Call) -> None:
    """A sync call runs the sync function, and an async call the async one."""

    async def awaited(a: int) -> str:
        return "async"

    made = StructuredTool(lambda a: "sync", awaited, "f", description="", args_schema=SCHEMA_A)
    assert call.invoke(made, {"a": 1}) == call.mode


SCHEMA_A = {"type": "object", "properties": {"a": {}}}


@pytest.mark.parametrize(
    ("result", "content"),
    [
        ("text", "text"),
        (None, "null"),
        ({"a": "é", "b": [1]}, '{"a": "é", "b": [1]}'),
        (["a", "b"], '["a", "b"]'),
        ([], "[]"),
        (Place(city="Rome"), '{"city": "Rome", "lat": 0.0}'),
        ([{"row": 1}], '[{"row": 1}]'),
        ([{"type": "text", "text": "t"}, "u"], [{"type": "text", "text": "t"}, "u"]),
        (Size.SMALL, '"small"'),
    ],
    ids=repr,
)
def test_a_result_becomes_content_for_a_model(result: Any, content: Any, call: Call) -> None:
    """Strings and content blocks stay as they are; any other value becomes JSON."""
    made = StructuredTool(lambda: result, name="f", description="")
    assert call.invoke(made, call_of(made)).content == content
    assert call.invoke(made, {}) == result


def test_a_result_without_json_is_printed(call: Call) -> None:
    """The model gets its `str`."""
    made = StructuredTool(lambda: {1: object}, name="f", description="")
    assert call.invoke(made, call_of(made)).content == "{1: <class 'object'>}"


def test_a_tool_may_return_its_own_message(call: Call) -> None:
    """It is the answer, as it is."""
    own = ToolMessage("mine", tool_call_id="7", status="error")
    made = StructuredTool(lambda: own, name="f", description="")
    assert call.invoke(made, call_of(made)) == own


def test_a_pair_is_for_the_model_and_for_the_program(call: Call) -> None:
    """The second part is the artifact of the message; a bare result is without it."""
    made = tool(response_format="content_and_artifact")(pair)
    assert call.invoke(made, {"n": 2}) == "2 numbers"
    answer = call.invoke(made, call_of(made, n=2))
    assert (answer.text, answer.artifact) == ("2 numbers", [0, 1])
    assert made.OutputType == str | ToolMessage
    wrong = tool(response_format="content_and_artifact")(add)
    with pytest.raises(ValueError, match="'add' returned 3: with response_format"):
        call.invoke(wrong, {"a": 1})


def test_a_bare_value_is_the_only_argument(call: Call) -> None:
    """It may also be the only required one; with more of them, it is refused."""
    assert call.invoke(decorated, 3) == 3
    assert call.invoke(tool(add), "3") == 5
    with pytest.raises(ToolArgumentsError, match=r"expected a dict of arguments \(n, m\), got 3"):
        call.invoke(StructuredTool(lambda n, m: n), 3)


def test_the_program_passes_arguments_in_the_call_or_as_options(call: Call) -> None:
    """The id comes from the call, and the config from the run."""
    made, config = tool(whose), {"tags": ["t"]}
    found = "q for ada in call_1 [t] at most 5"
    assert call.invoke(made, call_of(made, query="q", user="ada"), config).text == found
    assert call.invoke(made.bind(user="ada"), call_of(made, query="q"), config).text == found
    direct = {"query": "q", "user": "ada", "call": "c", "limit": 1}
    assert call.invoke(made, direct) == "q for ada in c [] at most 1"
    with pytest.raises(ConfigError, match="needs the id of a tool call"):
        call.invoke(made, {"query": "q", "user": "ada"})
    with pytest.raises(ConfigError, match="needs 'user', which the program passes"):
        call.invoke(made, call_of(made, query="q"))
    with pytest.raises(ConfigError, match="no option 'usr'. Did you mean 'user'"):
        call.invoke(made, call_of(made, query="q"), usr="x")


# -- errors


def test_arguments_that_do_not_fit_are_an_error_with_the_reason(call: Call) -> None:
    """A wrong type, a missing or an unknown one is a ValueError with pydantic's own list."""
    made = tool(add)
    with pytest.raises(ToolArgumentsError, match="'add' was called with bad arguments") as caught:
        call.invoke(made, {"a": "x"})
    assert isinstance(caught.value, ValueError)
    assert [error["loc"] for error in caught.value.errors()] == [("a",)]
    assert pickle.loads(pickle.dumps(caught.value)).errors() == caught.value.errors()
    assert str(caught.value).endswith(
        "a: Input should be a valid integer, unable to parse string as an integer (given: 'x')"
    )
    with pytest.raises(ToolArgumentsError, match="bad arguments: a: Field required$"):
        call.invoke(made, {})
    with pytest.raises(ToolArgumentsError, match="no argument 'c'"):
        call.invoke(made, call_of(made, a=1, c=2))


@pytest.mark.parametrize(
    ("handle", "content"),
    [
        (True, "cannot: x"),
        ("Sorry.", "Sorry."),
        (lambda error: [{"type": "text", "text": f"<{error}>"}], "<cannot: x>"),
    ],
)
def test_a_handled_error_is_an_answer(handle: Any, content: str, call: Call) -> None:
    """The model gets it as a message with status "error"; a program, as the result."""
    made = tool(handle_tool_error=handle)(fails)
    answer = call.invoke(made, call_of(made, why="x"))
    assert (answer.text, answer.status, answer.name) == (content, "error", "fails")
    if isinstance(handle, (bool, str)):
        assert call.invoke(made, {"why": "x"}) == content


def test_an_error_that_is_not_handled_is_raised(call: Call) -> None:
    """So is a ToolException by default, and any other error always."""
    with pytest.raises(ToolException, match="^cannot: x"):
        call.invoke(tool(fails), call_of(tool(fails), why="x"))
    with pytest.raises(RuntimeError, match="^x"):
        call.invoke(tool(handle_tool_error=True)(breaks), {"why": "x"})


@pytest.mark.parametrize(
    ("handle", "content"),
    [
        (True, "The tool 'add' was called with bad arguments: "),
        ("Numbers, please.", "Numbers, please."),
        (lambda error: str(error.errors()[0]["loc"]), "('a',)"),
    ],
)
def test_bad_arguments_can_be_handled(handle: Any, content: str, call: Call) -> None:
    """The same three settings work for them."""
    made = tool(handle_validation_error=handle)(add)
    answer = call.invoke(made, call_of(made, a="x"))
    assert answer.text.startswith(content)
    assert answer.status == "error"


def test_bad_arguments_of_an_inner_tool_are_raised(call: Call) -> None:
    """A tool does not answer the model with the error of another tool that it calls."""
    inner = tool(add)

    @tool(handle_validation_error=True)
    def outer(a: int) -> int:
        """Call another."""
        return inner.invoke({"a": "x"})

    with pytest.raises(ToolArgumentsError, match="'add'"):
        call.invoke(outer, call_of(outer, a=1))


# -- tools as runnables


def test_a_tool_is_a_value() -> None:
    """It compares and prints; it pickles if its function does, also under the function's name."""
    made = tool("plus", return_direct=True)(add)
    assert pickle.loads(pickle.dumps(made)) == made == copy.copy(made)
    assert copy.copy(made) is not made
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(adecorated.with_retry())).bound is adecorated
    assert copy.copy(decorated) == decorated != made
    assert copy.copy(decorated) is not decorated
    assert hash(copy.copy(made)) == hash(made)
    assert repr(tool(add)) == "StructuredTool(add)"
    assert repr(made) == "StructuredTool(add, name='plus', return_direct=True)"
    assert repr(StructuredTool(add, aadd)) == "StructuredTool(add, aadd)"
    step = RunnableLambda(add)
    assert repr(step.as_tool()) == "RunnableTool(RunnableLambda(add))"
    assert repr(step.as_tool(name="plus")) == "RunnableTool(RunnableLambda(add), name='plus')"


def test_a_tool_is_a_step(call: Call) -> None:
    """It works in pipes, and has input and output types."""
    chain = RunnableLambda(lambda number: {"a": number}) | tool(add) | str
    assert call.invoke(chain, 1) == "3"
    assert tool(add).OutputType == int | ToolMessage
    assert tool(add).get_input_jsonschema()["required"] == ["a"]


def test_a_wrapped_tool_has_the_definition_of_the_tool() -> None:
    """Policies and bindings keep its name, description and arguments."""
    made = tool("plus", description="Adds.")(add)
    for wrapped in (made.with_retry(), made.with_timeout(1).bind(), made.with_fallbacks([made])):
        assert definition(wrapped) == definition(made)
    bound = ParrotFakeChatModel().bind_tools([made, made.with_retry()])
    assert bound.kwargs["tools"] == [convert_to_openai_tool(made)] * 2  # type: ignore[attr-defined]


def test_handlers_get_tool_runs(call: Call) -> None:
    """Their events have the tool call as input, and the runs inside of them."""
    inner = RunnableLambda(lambda number: number + 1).with_config(run_name="inner")

    @tool
    def outer(a: int, config: RunnableConfig) -> int:
        """Call another."""
        return inner.invoke(a, config)

    outer_call = call_of(outer, a=1)
    events = call.events(outer, outer_call)
    ends = [event for event in events if event["event"].endswith(("start", "end"))]
    assert [(event["event"], event["name"]) for event in ends] == [
        ("on_tool_start", "outer"),
        ("on_chain_start", "inner"),
        ("on_chain_end", "inner"),
        ("on_tool_end", "outer"),
    ]
    assert events[0]["data"]["input"] == outer_call
    assert events[-1]["data"]["output"].text == "2"


# -- runnables as tools


def test_a_runnable_answers_calls_as_a_function_does(call: Call) -> None:
    """`as_tool`, and `tool` with a runnable, differ only in how arguments are read."""
    step = RunnableLambda(lambda args: args["a"] + args["b"])
    made = step.as_tool(name="sum", description="Adds.", arg_types={"a": int, "b": int})
    answer = call.invoke(made, call_of(made, a=1, b="2"))
    assert answer == ToolMessage("3", tool_call_id="call_1", name="sum")
    named = tool("size", RunnableLambda(len).with_types(input_type=str))
    assert isinstance(named, RunnableTool)
    assert call.invoke(named, call_of(named, input="abc")).text == "3"
    kind = tool("size", description="Counts.", return_direct=True)(RunnableLambda(len))
    assert (kind.name, kind.description, kind.return_direct) == ("size", "Counts.", True)
    handled = RunnableTool(step, arg_types={"a": int}, handle_validation_error=True)
    assert call.invoke(handled, call_of(handled)).status == "error"
    with pytest.raises(ToolArgumentsError, match="'sum' was called with bad arguments"):
        call.invoke(made, {"a": 1})


def test_a_tool_call_of_a_message_is_answered(call: Call) -> None:
    """It is passed as it is in the message."""
    message = (
        ParrotFakeChatModel()
        .invoke("x")
        .model_copy(
            update={
                "tool_calls": [ToolCall(name="decorated", args={"a": 1}, id="9", type="tool_call")]
            }
        )
    )
    assert call.invoke(decorated, message.tool_calls[0]).tool_call_id == "9"
