"""Schemas of inputs, outputs and configs, and of the arguments of tools."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel, Field, ValidationError

from runnables import (
    AIMessage,
    BaseCache,
    BaseChatMessageHistory,
    BaseMessage,
    BaseTool,
    ChatModel,
    ChatPromptTemplate,
    ConfigError,
    ConfigurableField,
    FakeListChatModel,
    HumanMessage,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    StrOutputParser,
    chain,
    tool,
)

PROMPT = ChatPromptTemplate.from_template("what {language}?")
OTHER = ChatPromptTemplate.from_template("how {mood}?")
MODEL = FakeListChatModel(responses=["x"])


class Point(TypedDict):
    x: int
    y: str


class Person(BaseModel):
    age: int


def older(person: Person) -> int:
    """Return the age in a year."""
    return person.age + 1


def born(point: Point) -> Person:
    return Person(age=point["x"])


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the types of the fields by name; None where the schema has none."""
    return {key: field.get("type") for key, field in schema.get("properties", {}).items()}


MADE_OF_PROMPTS: dict[str, Runnable[Any, Any]] = {
    "itself": PROMPT,
    "sequence": PROMPT | MODEL,
    "sequence with a name": (PROMPT | MODEL).with_config(run_name="named"),
    "binding": PROMPT.bind(),
    "config": PROMPT.with_config(tags=["a"]),
    "retry": PROMPT.with_retry(),
    "timeout": PROMPT.with_timeout(1),
    "fallbacks": PROMPT.with_fallbacks([OTHER]),
    "branch": RunnableBranch((bool, PROMPT), OTHER),
    "parallel": RunnableParallel(a=PROMPT, b=PROMPT | MODEL),
    "parallel, then more": RunnableParallel(a=PROMPT) | RunnablePassthrough(),
    "passthrough first": RunnablePassthrough() | PROMPT | MODEL,
    "assign": RunnablePassthrough.assign(more=PROMPT),
    "itemgetter": {"anything": itemgetter("language")} | RunnablePassthrough(),
}


@pytest.mark.parametrize("runnable", MADE_OF_PROMPTS.values(), ids=MADE_OF_PROMPTS.keys())
def test_a_wrapper_has_the_input_of_what_it_wraps(runnable: Runnable[Any, Any]) -> None:
    """The part that takes the input decides the schema of the whole."""
    schema = runnable.get_input_jsonschema()
    assert (list(schema["properties"]), schema["required"]) == (["language"], ["language"])


def test_a_parallel_needs_the_fields_of_all_branches() -> None:
    """Branches that take anything add no field."""
    both = RunnableParallel(a=PROMPT, b=OTHER, c=lambda x: x)
    assert fields(both.get_input_jsonschema()) == {"language": "string", "mood": "string"}


def test_map_takes_and_returns_lists() -> None:
    """Their items have the types of the runnable inside."""
    mapped = RunnableLambda(older).map()
    assert mapped.get_input_jsonschema()["items"] == {"$ref": "#/$defs/Person"}
    assert mapped.get_output_jsonschema()["items"] == {"type": "integer"}


def test_the_input_has_the_keys_that_assign_does_not_compute() -> None:
    """In front of a prompt, `assign` needs the inputs of its keys, and the other variables."""
    prompt = ChatPromptTemplate.from_template("{context} {question}")
    rag = RunnablePassthrough.assign(context=itemgetter("topic")) | prompt
    assert set(fields(rag.get_input_jsonschema())) == {"topic", "question"}


def test_outputs_follow_keys_through_assign_and_pick() -> None:
    """`assign` adds fields, `pick` keeps some, and a passthrough changes nothing."""
    step = RunnableParallel(age=older, who=RunnableLambda(lambda x: x))
    assigned = step | RunnablePassthrough() | RunnablePassthrough.assign(name=lambda _: "n")
    assert set(fields(assigned.get_output_jsonschema())) == {"age", "who", "name"}
    assert fields((assigned | RunnablePick(["age"])).get_output_jsonschema()) == {"age": "integer"}
    assert (assigned | RunnablePick("age")).get_output_jsonschema()["type"] == "integer"
    assert (PROMPT | MODEL | StrOutputParser()).get_output_jsonschema()["type"] == "string"


def test_what_steps_have_together_is_named_after_the_sequence() -> None:
    """A field from an `assign` and one of a later step are in one schema."""
    given = RunnablePassthrough.assign(context=itemgetter("topic"))
    prompt = ChatPromptTemplate.from_template("{context} {question}")
    assert (given | prompt).get_input_jsonschema()["title"] == "RunnableSequenceInput"
    step = RunnableParallel(age=older, topic=older)
    assert (step | given).get_output_jsonschema()["title"] == "RunnableSequenceOutput"
    picked = step | RunnablePick(["age"])
    assert picked.get_output_jsonschema()["title"] == "RunnableSequenceOutput"


def test_a_prompt_has_its_variables_in_the_order_of_the_alphabet() -> None:
    """So two templates of the same variables have one schema."""
    for template in ("{b} {a}", "{a} {b}"):
        prompt = ChatPromptTemplate.from_template(template)
        assert prompt.get_input_jsonschema()["required"] == ["a", "b"]


def test_a_typed_dict_becomes_its_keys_and_a_model_stays_itself() -> None:
    """A function of a TypedDict or a pydantic model has named fields."""
    piped = RunnableLambda(born) | older
    assert fields(piped.get_input_jsonschema()) == {"x": "integer", "y": "string"}
    assert RunnableLambda(older).input_schema is Person


def test_types_that_are_declared_win() -> None:
    """`with_types` goes before annotations."""
    typed = RunnableLambda(len).with_types(input_type=Point, output_type=int)
    assert fields(typed.get_input_jsonschema()) == {"x": "integer", "y": "string"}
    assert (typed | RunnablePassthrough()).get_output_jsonschema()["type"] == "integer"
    assert fields((RunnablePassthrough() | typed).get_input_jsonschema()) == {
        "x": "integer",
        "y": "string",
    }


def test_a_config_chooses_the_schema() -> None:
    """Alternatives have the schema of the one that the config chooses."""
    either = PROMPT.configurable_alternatives(ConfigurableField(id="which"), other=OTHER)
    chosen = {"configurable": {"which": "other"}}
    assert fields(either.get_input_jsonschema()) == {"language": "string"}
    assert fields(either.get_input_jsonschema(chosen)) == {"mood": "string"}


def test_a_bound_config_is_part_of_the_schema() -> None:
    """A template that a config sets decides the variables."""
    prompt = PROMPT.configurable_fields(messages=ConfigurableField(id="messages"))
    text = prompt.with_config(configurable={"messages": OTHER.messages})
    assert fields((text | MODEL).get_input_jsonschema()) == {"mood": "string"}


def test_the_call_of_a_class_may_have_its_types() -> None:
    """The type arguments of the call count, as for type checkers."""
    branch = RunnableBranch[int, str]((bool, str), repr)
    assert (branch.InputType, branch.OutputType) == (int, str)
    assert branch.get_input_jsonschema() == {"title": "RunnableBranchInput", "type": "integer"}


def test_of_two_types_of_one_key_the_known_one_counts() -> None:
    """A key that is Any for one step has the type that the next step gives it."""
    prompt = ChatPromptTemplate.from_template("{context} {question}")
    rag = RunnablePassthrough.assign(context=itemgetter("question")) | prompt
    assert fields(rag.get_input_jsonschema()) == {"question": "string"}
    both = RunnableParallel(a=itemgetter("language"), b=PROMPT)
    assert fields(both.get_input_jsonschema()) == {"language": "string"}


def test_the_config_schema_has_all_fields_inside() -> None:
    """It has the configurable fields of every step, and the keys to include."""
    model = MODEL.configurable_fields(responses=ConfigurableField(id="r", name="Answers"))
    schema = (PROMPT | model).get_config_jsonschema(include=["tags"])
    assert set(schema["properties"]) == {"configurable", "tags"}
    assert schema["$defs"]["Configurable"]["properties"]["r"]["title"] == "Answers"
    assert PROMPT.get_config_jsonschema()["properties"] == {}


def test_users_classes_set_their_schema_by_one_method() -> None:
    """An override of `get_input_schema` changes the property and the JSON schema, too."""

    class Mine(Runnable[Any, Any]):
        def get_input_schema(self, config: Any = None) -> type[BaseModel]:
            return Person

    assert Mine().input_schema is Person
    assert fields((Mine() | StrOutputParser()).get_input_jsonschema()) == {"age": "integer"}


def test_a_router_takes_a_key_and_an_input() -> None:
    """Its input has two fields."""
    router = RouterRunnable({"a": PROMPT})
    assert fields(router.get_input_jsonschema()) == {"key": "string", "input": None}


def test_types_come_from_annotations_alone() -> None:
    """An iterator is a stream of a generator function, and a value of any other."""

    def chunks(text: str) -> Iterator[str]:
        yield from text

    def numbers(text: str) -> Iterator[int]:
        return iter([len(text)])

    @chain
    def returns_a_runnable(text: str) -> Runnable[str, AIMessage]:
        return RunnableLambda(lambda _: AIMessage(text))

    class Callable:
        def __call__(self, number: int) -> str:
            return str(number)

    assert RunnableLambda(chunks).OutputType is str
    assert RunnableLambda(numbers).OutputType == Iterator[int]
    assert returns_a_runnable.OutputType is AIMessage
    assert (RunnableLambda(Callable()).InputType, RunnableLambda(Callable()).OutputType) == (
        int,
        str,
    )
    assert RunnableGenerator(lambda items: (yield from items)).OutputType is Any


# --- tools ------------------------------------------------------------------------------------


def test_a_chain_as_a_tool_has_the_prompts_variables() -> None:
    """Its arguments are the fields of the input of the first step."""
    tool = (PROMPT | MODEL | StrOutputParser()).as_tool(name="ask")
    assert list(tool.args) == ["language"]
    assert tool.invoke({"language": "Latin"}) == "x"
    with pytest.raises(ValueError, match="'ask' was called with bad arguments"):
        tool.invoke({"lang": "Latin"})


def test_a_tool_passes_the_type_that_the_function_takes() -> None:
    """It passes a model, a dict, or the single value."""
    assert RunnableLambda(older).as_tool().invoke({"age": 3}) == 4
    assert RunnableLambda(born).as_tool().invoke({"x": 3, "y": "a"}) == Person(age=3)
    assert RunnableLambda(abs).with_types(input_type=int).as_tool().invoke({"input": -3}) == 3


def test_argument_types_make_a_tool_of_an_untyped_function() -> None:
    """`arg_types` has names and types of the arguments, and values are converted to them."""
    tool = RunnableLambda(lambda sums: sums["a"] + sums["b"]).as_tool(
        name="add", arg_types={"a": int, "b": int}
    )
    assert fields(tool.args_jsonschema) == {"a": "integer", "b": "integer"}
    assert tool.invoke({"a": "1", "b": 2}) == 3
    with pytest.raises(ValueError, match="not both"):
        RunnableLambda(len).as_tool(Person, arg_types={"a": int})


def test_a_tool_of_one_value_is_an_object_for_models() -> None:
    """Models send objects, so the one argument is called `input`."""
    schema = RunnableLambda(abs).with_types(input_type=int).as_tool().args_jsonschema
    assert (schema["type"], schema["required"]) == ("object", ["input"])


# --- what is loaded ---------------------------------------------------------------------------


def test_pydantic_is_loaded_with_the_first_schema_only() -> None:
    """Functions are piped and run without it."""
    script = (
        "import sys\n"
        "from runnables import RunnableLambda\n"
        "def f(x: int) -> int: return x + 1\n"
        "assert (RunnableLambda(f) | {'a': f}).assign(b=f).pick('a')\n"
        "assert (RunnableLambda(f) | f).invoke(1) == 3\n"
        "print('pydantic' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


class Asks(BaseModel):
    """A user's class with objects of ours as fields."""

    llm: ChatModel | None = None
    step: Runnable[str, str] | None = None
    tools: list[BaseTool[Any]] = []


def test_a_pydantic_model_takes_runnables_as_fields() -> None:
    """An object of the class stays the object that it is; anything else is refused."""
    step = RunnableLambda(str.upper)
    asks = Asks(llm=MODEL, step=step, tools=[tool(area)])
    assert asks.llm is MODEL and asks.step is step
    assert asks.model_dump()["llm"] is MODEL
    for wrong in ({"llm": step}, {"llm": "model"}, {"step": len}, {"tools": [area]}):
        with pytest.raises(ValidationError, match="instance of"):
            Asks.model_validate(wrong)


def area(side: int) -> int:
    """Return the area of a square."""
    return side**2


def test_a_class_of_a_history_may_be_a_pydantic_model_with_a_model() -> None:
    """As people write it: `class H(BaseChatMessageHistory, BaseModel)`."""

    class Shortened(BaseChatMessageHistory, BaseModel):
        messages: list[BaseMessage] = Field(default_factory=list[BaseMessage])
        llm: FakeListChatModel

        def add_messages(self, messages: Sequence[BaseMessage]) -> None:
            self.messages = [*self.messages, *messages][-2:]

        def clear(self) -> None:
            self.messages = []

    history = Shortened(llm=MODEL)
    history.add_user_message("a")
    history.append([HumanMessage("b"), AIMessage("c")])
    assert history.get() == [HumanMessage("b"), AIMessage("c")]
    assert history.llm is MODEL


def test_a_runnable_in_a_described_value_is_any_value() -> None:
    """The schemas that describe steps and configs have no type for it."""

    def ask(llm: ChatModel) -> str:
        return llm.invoke("?").text

    step = RunnableLambda(ask)
    assert step.get_input_jsonschema() == {"title": "ask_input"}
    assert step.invoke(MODEL) == "x"
    both = RunnableParallel(llm=RunnableLambda(lambda _: MODEL).with_types(output_type=ChatModel))
    assert both.get_output_jsonschema()["properties"] == {"llm": {"title": "Llm"}}
    field = ConfigurableField(id="llm", annotation=ChatModel)
    chosen = RunnablePick("a").configurable_fields(keys=field)
    described = chosen.get_config_jsonschema()["$defs"]["Configurable"]["properties"]["llm"]
    assert described == {"title": "Llm", "default": "a"}


def test_no_model_can_write_a_runnable() -> None:
    """A parameter of a tool, and a field of a structured answer, are refused as before."""

    def ask(llm: ChatModel) -> str:
        """Ask."""
        return llm.invoke("?").text

    with pytest.raises(ConfigError, match="without a JSON schema"):
        _ = tool(ask).args
    with pytest.raises(ConfigError, match="no JSON schema"):
        MODEL.with_structured_output(Asks)


def test_a_user_class_that_is_a_pydantic_model_itself_keeps_its_schema() -> None:
    """Its fields are checked and converted, alone and within another model."""

    class Sized(BaseCache, BaseModel):
        size: int

        def get(self, key: str) -> str | None:
            return None

        def set(self, key: str, text: str) -> None:
            """Keep nothing."""

        def clear(self) -> None:
            """Nothing is kept."""

    class Holder(BaseModel):
        cache: Sized

    assert Sized.model_validate({"size": "2"}).size == 2
    assert Holder.model_validate({"cache": {"size": "2"}}).cache.size == 2
