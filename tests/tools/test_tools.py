"""Functions as tools: what a model is told, and what a call gives."""

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
    Colour,
    Place,
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


def asked(tool: Any, id: str | None = "call_1", **args: Any) -> Any:
    """A tool call, as a model makes it."""
    return {"type": "tool_call", "name": tool.name, "args": args, "id": id}


def definition(tool: Any) -> Any:
    """The inner part of what a model is told."""
    return convert_to_openai_tool(tool)["function"]


# --- what a model is told ---------------------------------------------------------------------


def test_the_signature_and_the_docstring_say_what_the_tool_takes() -> None:
    """The same as of the bare function: `bind_tools` takes either."""
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
    """Nested models, enums, unions, optional values, bounds, descriptions in any script."""
    args = tool(rich).args_jsonschema
    shown = args["properties"]
    assert args["required"] == ["place", "colours", "größe", "either"]
    assert shown["größe"]["description"] == "wie groß: 大きさ"
    assert shown["bounded"]["minimum"] == 1
    assert shown["bounded"]["description"] == "at least one"
    assert {it["type"] for it in shown["either"]["anyOf"]} == {"integer", "string"}
    assert shown["schema"]["default"] == "x"
    assert args["$defs"]["Colour"]["enum"] == ["red", "blue"]
    assert args["$defs"]["Place"]["required"] == ["city"]


def test_the_function_gets_its_own_types(call: Call) -> None:
    """What the model wrote as JSON arrives as models, enums and numbers."""
    made = tool(rich)
    given = {"place": {"city": "Łódź"}, "colours": ["red"], "größe": "3", "either": "x"}
    assert call.invoke(made, given) == [Place(city="Łódź"), [Colour.RED], 3, "x", None, 1, "x"]
    assert call.invoke(made, {**given, "schema": "y"})[-1] == "y"


def test_what_the_program_gives_is_not_shown() -> None:
    """Neither the config, nor what is marked as injected."""
    assert list(tool(whose).args) == ["query"]
    assert tool(whose).injected_args == {"user", "call", "limit"}


def test_a_config_of_the_users_own_is_an_argument() -> None:
    """Only a `RunnableConfig`, or one of that name without a type, is ours."""

    @tool
    def own(config: str) -> str:
        """Says it."""
        return config

    @tool
    def untyped(config, a: int) -> int:  # type: ignore[no-untyped-def]
        """Counts the tags."""
        return len(config["tags"]) + a

    assert own.invoke({"config": "x"}) == "x"
    assert untyped.invoke({"a": 1}, {"tags": ["b"]}) == 2


def test_a_name_and_a_description_may_be_given() -> None:
    """They stand before what the function says."""
    made = tool("plus", description="Adds.")(add)
    assert (made.name, made.description) == ("plus", "Adds.")
    same = StructuredTool.from_function(add, name="plus", description="Adds.")
    assert same == made
    assert StructuredTool(func=add, name="plus", description="Adds.") == made


def test_how_the_docstring_is_read_may_be_said() -> None:
    """As a whole, or strictly."""
    assert tool(parse_docstring=False)(add).description.endswith("The sum.")
    assert "description" not in tool(parse_docstring=False)(add).args["a"]
    assert tool(parse_docstring=True)(add).args["a"]["description"] == "the first"

    def misspelt(first: int) -> int:
        """Says something.

        Args:
            frist: a slip
        """
        return first

    assert list(tool(misspelt).args) == ["first"]
    with pytest.raises(ConfigError, match="'frist', which is none.*Did you mean 'first'"):
        tool(parse_docstring=True)(misspelt)
    with pytest.raises(ConfigError, match="no `Args:` section"):
        tool(parse_docstring=True)(breaks)
    lenient = tool(parse_docstring=True, error_on_invalid_docstring=False)(breaks)
    assert lenient.description == "Break."


def test_a_form_may_be_given_instead_of_the_signature(call: Call) -> None:
    """A pydantic model, whose defaults count; a JSON schema, by which only names are checked."""
    formed = tool(args_schema=AddArgs)(add)
    assert (formed.description, formed.args_schema) == ("Add two numbers.", AddArgs)
    assert formed.args["a"]["description"] == "the first"
    assert call.invoke(formed, {"a": 1}) == 3
    assert call.invoke(formed, AddArgs(a=1, b=5)) == 6
    plain = StructuredTool.from_function(lambda a, b=0: a + b, name="add", args_schema=SCHEMA)
    assert plain.description == "Adds, says the schema."
    assert (plain.args_schema, plain.tool_call_schema) == (SCHEMA, SCHEMA)
    assert call.invoke(plain, {"a": "x", "b": "y"}) == "xy"
    with pytest.raises(ToolArgumentsError, match="'a' must be given"):
        call.invoke(plain, {})
    with pytest.raises(ToolArgumentsError, match="no argument 'bb'. Did you mean 'b'"):
        call.invoke(plain, {"a": 1, "bb": 1})


def test_any_name_is_none_that_others_give(call: Call) -> None:
    """Where a function takes any name, the config and what a partial gives stay the program's."""

    def look(x: int, config: RunnableConfig, user: str = "", **more: Any) -> str:
        """Look."""
        return f"{x} {user} {more}"

    made = StructuredTool.from_function(functools.partial(look, user="ada"), name="look")
    assert call.invoke(made, {"x": 1, "y": 2}) == "1 ada {'y': 2}"
    for name in ("user", "config"):
        with pytest.raises(ToolArgumentsError, match=f"no argument '{name}'"):
            call.invoke(made, {"x": 1, name: "root"})


def test_a_form_hides_what_it_marks(call: Call) -> None:
    """`InjectedToolArg` in a model does what it does in a signature."""

    class Form(BaseModel):
        x: int
        user: Annotated[str, InjectedToolArg]
        call_id: Annotated[str, InjectedToolCallId] = "none"

    @tool(args_schema=Form)
    def look(x: int, user: str, call_id: str) -> str:
        """Look."""
        return f"{x} {user} {call_id}"

    assert list(look.args) == ["x"]
    assert call.invoke(look, {"x": 1, "user": "ada"}) == "1 ada none"
    answer = call.invoke(look, asked(look, x=1, user="ada"))
    assert answer.text == "1 ada call_1"
    same = RunnableLambda(lambda it: "{x} {user} {call_id}".format(**it)).as_tool(Form, name="look")
    assert (list(same.args), same.injected_args) == (["x"], {"user", "call_id"})
    assert call.invoke(same, asked(same, x=1, user="ada")).text == answer.text
    with pytest.raises(ConfigError, match="needs 'user', which the program gives"):
        call.invoke(look, {"x": 1})


def test_a_tool_of_one_text_needs_no_types(call: Call) -> None:
    """With `infer_schema=False` the function gets what the model wrote."""

    @tool(infer_schema=False)
    def search(words):  # type: ignore[no-untyped-def]
        """Search."""
        return f"found {words}"

    assert search.args == {"words": {"type": "string"}}
    assert call.invoke(search, "a b") == call.invoke(search, {"words": "a b"}) == "found a b"


def test_a_default_that_has_no_json_stays_with_the_function(call: Call) -> None:
    """The model is not told of it, and the function gets the object itself."""
    sentinel = object()

    def find(a: int, how: Any = sentinel, n: int = Field(default=3, ge=1, description="n")) -> Any:
        """Find."""
        return a, how is sentinel, n

    made = tool(find)
    assert "default" not in made.args["how"]
    assert (made.args["n"]["default"], made.args["n"]["description"]) == (3, "n")
    assert call.invoke(made, {"a": 1}) == (1, True, 3)


def test_parameters_of_every_kind_are_given(call: Call) -> None:
    """By position only, by name only, any other name; methods, partials, callable objects."""

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
            """Call it."""
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
        (lambda: tool(_odd), "annotate a parameter that the program gives"),
        (lambda: tool(_unknown), "annotation of 'a' in _unknown cannot be read.*Nowhere"),
        (lambda: tool(_letters), "is a generator function"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_when_it_is_made(make: Any, reason: str) -> None:
    """With the way out."""
    with pytest.raises(ConfigError, match=reason):
        make()


def test_types_that_cannot_be_read_do_not_matter_where_a_form_is_given(call: Call) -> None:
    """What else is annotated is still what it is."""

    @tool(args_schema=SCHEMA_A)
    def partly(a: Nowhere, config: RunnableConfig) -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
        """Takes nobody knows what."""
        return a, config["tags"]

    assert call.invoke(partly, {"a": 1}, {"tags": ["t"]}) == (1, ["t"])


def _three(a: int, b: int, c: int) -> int:
    """Three."""
    return a + b + c


def _odd(a: Call) -> None:
    """Takes what no model can give."""


def _unknown(a: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Takes nobody knows what."""


def _letters(text: str) -> Any:
    """Give pieces."""
    yield from text


# --- what a call gives ------------------------------------------------------------------------


@pytest.mark.parametrize("made", [tool(add), tool(aadd), StructuredTool(add, aadd)], ids=repr)
def test_arguments_give_the_bare_result(made: Any, call: Call) -> None:
    """A dict of arguments, which are checked; a tool call gives the message that answers it."""
    if made.func is None and call.mode == "sync":
        with pytest.raises(SyncAsyncError, match="'aadd' is async.*Use `ainvoke`"):
            call.invoke(made, {"a": 1})
        return
    assert call.invoke(made, {"a": "1"}) == 3
    assert call.stream(made, {"a": 1, "b": 5}) == [6]
    assert call.batch(made, [{"a": 1}, {"a": 2}]) == [3, 4]
    assert call.invoke(made, asked(made, a=1)) == ToolMessage(
        "3", tool_call_id="call_1", name=made.name
    )
    assert call.invoke(made, asked(made, id=None, a=1)).tool_call_id == ""


def test_each_colour_runs_its_own_half(call: Call) -> None:
    """Where both are given."""

    async def half(a: int) -> str:
        return "async"

    made = StructuredTool(lambda a: "sync", half, name="half", description="", args_schema=SCHEMA_A)
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
        (Colour.RED, '"red"'),
    ],
    ids=repr,
)
def test_a_result_becomes_what_a_model_can_read(result: Any, content: Any, call: Call) -> None:
    """Text and blocks as they are, anything else as JSON."""
    made = StructuredTool(lambda: result, name="it", description="")
    assert call.invoke(made, asked(made)).content == content
    assert call.invoke(made, {}) == result


def test_what_has_no_json_is_shown_as_it_prints(call: Call) -> None:
    """A model reads it as a person would."""
    made = StructuredTool(lambda: {1: object}, name="it", description="")
    assert call.invoke(made, asked(made)).content == "{1: <class 'object'>}"


def test_a_message_of_the_tools_own_is_its_answer(call: Call) -> None:
    """It may say more than its result does."""
    own = ToolMessage("mine", tool_call_id="7", status="error")
    made = StructuredTool(lambda: own, name="it", description="")
    assert call.invoke(made, asked(made)) == own


def test_a_pair_is_for_the_model_and_for_the_program(call: Call) -> None:
    """The second part is the artifact of the message; without a message nobody gets it."""
    made = tool(response_format="content_and_artifact")(pair)
    assert call.invoke(made, {"n": 2}) == "2 numbers"
    answer = call.invoke(made, asked(made, n=2))
    assert (answer.text, answer.artifact) == ("2 numbers", [0, 1])
    assert made.OutputType == str | ToolMessage
    wrong = tool(response_format="content_and_artifact")(add)
    with pytest.raises(ValueError, match="'add' gave 3: with response_format"):
        call.invoke(wrong, {"a": 1})


def test_a_single_argument_may_stand_alone(call: Call) -> None:
    """Its value is enough, also of the only one that is required; else nobody knows which."""
    assert call.invoke(decorated, 3) == 3
    assert call.invoke(tool(add), "3") == 5
    with pytest.raises(ToolArgumentsError, match=r"expected a dict of arguments \(n, m\), got 3"):
        call.invoke(StructuredTool(lambda n, m: n), 3)


def test_the_program_gives_its_arguments_in_the_call_or_as_options(call: Call) -> None:
    """The id comes with the call, and the config with the run."""
    made, config = tool(whose), {"tags": ["t"]}
    said = "q for ada in call_1 [t] at most 5"
    assert call.invoke(made, asked(made, query="q", user="ada"), config).text == said
    assert call.invoke(made.bind(user="ada"), asked(made, query="q"), config).text == said
    direct = {"query": "q", "user": "ada", "call": "c", "limit": 1}
    assert call.invoke(made, direct) == "q for ada in c [] at most 1"
    with pytest.raises(ConfigError, match="needs the id of a tool call"):
        call.invoke(made, {"query": "q", "user": "ada"})
    with pytest.raises(ConfigError, match="needs 'user', which the program gives"):
        call.invoke(made, asked(made, query="q"))
    with pytest.raises(ConfigError, match="no option 'usr'. Did you mean 'user'"):
        call.invoke(made, asked(made, query="q"), usr="x")


# --- errors -----------------------------------------------------------------------------------


def test_arguments_that_do_not_fit_are_an_error_that_says_why(call: Call) -> None:
    """Of the wrong type, missing, unknown; a ValueError with pydantic's own list of faults."""
    made = tool(add)
    with pytest.raises(ToolArgumentsError, match="'add' was called with bad arguments") as caught:
        call.invoke(made, {"a": "x"})
    assert isinstance(caught.value, ValueError)
    assert [it["loc"] for it in caught.value.errors()] == [("a",)]
    assert pickle.loads(pickle.dumps(caught.value)).errors() == caught.value.errors()
    assert str(caught.value).endswith(
        "a: Input should be a valid integer, unable to parse string as an integer (given: 'x')"
    )
    with pytest.raises(ToolArgumentsError, match="bad arguments: a: Field required$"):
        call.invoke(made, {})
    with pytest.raises(ToolArgumentsError, match="no argument 'c'"):
        call.invoke(made, asked(made, a=1, c=2))


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        (True, "cannot: x"),
        ("Sorry.", "Sorry."),
        (lambda error: [{"type": "text", "text": f"<{error}>"}], "<cannot: x>"),
    ],
)
def test_a_handled_error_is_an_answer(handle: Any, said: str, call: Call) -> None:
    """The model gets it as a message with status "error"; a program, as the result."""
    made = tool(handle_tool_error=handle)(fails)
    answer = call.invoke(made, asked(made, why="x"))
    assert (answer.text, answer.status, answer.name) == (said, "error", "fails")
    if isinstance(handle, (bool, str)):
        assert call.invoke(made, {"why": "x"}) == said


def test_an_error_that_is_not_handled_is_raised(call: Call) -> None:
    """A ToolException where nothing is said; any other error always, as it is."""
    with pytest.raises(ToolException, match="^cannot: x"):
        call.invoke(tool(fails), asked(tool(fails), why="x"))
    with pytest.raises(RuntimeError, match="^x"):
        call.invoke(tool(handle_tool_error=True)(breaks), {"why": "x"})


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        (True, "The tool 'add' was called with bad arguments: "),
        ("Numbers, please.", "Numbers, please."),
        (lambda error: str(error.errors()[0]["loc"]), "('a',)"),
    ],
)
def test_bad_arguments_can_be_handled(handle: Any, said: str, call: Call) -> None:
    """In the same three ways."""
    made = tool(handle_validation_error=handle)(add)
    answer = call.invoke(made, asked(made, a="x"))
    assert answer.text.startswith(said)
    assert answer.status == "error"


def test_a_tool_within_a_tool_answers_for_itself(call: Call) -> None:
    """Bad arguments that a tool gives to another are not the model's fault."""
    inner = tool(add)

    @tool(handle_validation_error=True)
    def outer(a: int) -> int:
        """Call another."""
        return inner.invoke({"a": "x"})

    with pytest.raises(ToolArgumentsError, match="'add'"):
        call.invoke(outer, asked(outer, a=1))


# --- a runnable -------------------------------------------------------------------------------


def test_a_tool_is_a_value() -> None:
    """It pickles, where its function does, also under the function's name; it compares, prints."""
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
    """In pipes, with policies and bindings; it says its types."""
    chain = RunnableLambda(lambda it: {"a": it}) | tool(add) | str
    assert call.invoke(chain, 1) == "3"
    assert tool(add).OutputType == int | ToolMessage
    assert tool(add).get_input_jsonschema()["required"] == ["a"]


def test_policies_around_a_tool_are_that_tool_to_a_model() -> None:
    """With its own name, description and arguments."""
    made = tool("plus", description="Adds.")(add)
    for around in (made.with_retry(), made.with_timeout(1).bind(), made.with_fallbacks([made])):
        assert definition(around) == definition(made)
    bound = ParrotFakeChatModel().bind_tools([made, made.with_retry()])
    assert bound.kwargs["tools"] == [convert_to_openai_tool(made)] * 2  # type: ignore[attr-defined]


def test_runs_are_told_as_tool_runs(call: Call) -> None:
    """With what is called inside of them, and what they were asked."""
    inner = RunnableLambda(lambda it: it + 1).with_config(run_name="inner")

    @tool
    def outer(a: int, config: RunnableConfig) -> int:
        """Call another."""
        return inner.invoke(a, config)

    outer_call = asked(outer, a=1)
    events = call.events(outer, outer_call)
    told = [(it["event"], it["name"]) for it in events if it["event"].endswith(("start", "end"))]
    assert told == [
        ("on_tool_start", "outer"),
        ("on_chain_start", "inner"),
        ("on_chain_end", "inner"),
        ("on_tool_end", "outer"),
    ]
    assert events[0]["data"]["input"] == outer_call
    assert events[-1]["data"]["output"].text == "2"


# --- runnables as tools -----------------------------------------------------------------------


def test_a_runnable_answers_calls_as_a_function_does(call: Call) -> None:
    """`as_tool`, and `tool` with a runnable, share everything but the reading of arguments."""
    step = RunnableLambda(lambda it: it["a"] + it["b"])
    made = step.as_tool(name="sum", description="Adds.", arg_types={"a": int, "b": int})
    answer = call.invoke(made, asked(made, a=1, b="2"))
    assert answer == ToolMessage("3", tool_call_id="call_1", name="sum")
    named = tool("size", RunnableLambda(len).with_types(input_type=str))
    assert isinstance(named, RunnableTool)
    assert call.invoke(named, asked(named, input="abc")).text == "3"
    kind = tool("size", description="Counts.", return_direct=True)(RunnableLambda(len))
    assert (kind.name, kind.description, kind.return_direct) == ("size", "Counts.", True)
    handled = RunnableTool(step, arg_types={"a": int}, handle_validation_error=True)
    assert call.invoke(handled, asked(handled)).status == "error"
    with pytest.raises(ToolArgumentsError, match="'sum' was called with bad arguments"):
        call.invoke(made, {"a": 1})


def test_a_call_of_a_model_is_a_call(call: Call) -> None:
    """As it stands in the message, without a word more."""
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
