"""Few-shot prompts, with a list of examples or a selector."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from runnables.errors import PromptError, SyncAsyncError
from runnables.messages import AIMessage, HumanMessage, SystemMessage
from runnables.prompts import (
    AIMessagePromptTemplate,
    BaseExampleSelector,
    ChatPromptTemplate,
    FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate,
    HumanMessagePromptTemplate,
    LengthBasedExampleSelector,
    MissingVariableError,
    PromptTemplate,
)
from tests.both_modes import Call

EXAMPLES = [{"q": "1+1", "a": "2", "more": 0}, {"q": "2+2", "a": "4"}]
SHOWN = PromptTemplate("{q}={a}")
PAIR = HumanMessagePromptTemplate.from_template("{q}") + AIMessagePromptTemplate.from_template(
    "{a}"
)


class Selector(BaseExampleSelector):
    """A selector of the examples whose question holds the input; it records its calls."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []
        self.threads: set[str] = set()

    def select_examples(self, input_variables: dict[str, Any], /) -> list[dict[str, Any]]:
        self.inputs.append(input_variables)
        self.threads.add(threading.current_thread().name)
        return [example for example in EXAMPLES if input_variables["x"] in str(example["q"])]


class AsyncSelector:
    """A selector that has to be awaited."""

    async def aselect_examples(self, input_variables: dict[str, Any], /) -> list[dict[str, Any]]:
        return Selector().select_examples(input_variables)


def text_prompt(**options: Any) -> FewShotPromptTemplate:
    return FewShotPromptTemplate(
        example_prompt=SHOWN, prefix="Solve {x}!", suffix="{x}=", example_separator="\n", **options
    )


def test_examples_stand_between_prefix_and_suffix(call: Call) -> None:
    """An example may hold more than is shown; an empty suffix leaves no gap."""
    value = call.invoke(text_prompt(examples=EXAMPLES), "3")
    assert value.to_string() == "Solve 3!\n1+1=2\n2+2=4\n3="
    bare = FewShotPromptTemplate(example_prompt=SHOWN, suffix="", examples=EXAMPLES)
    assert call.invoke(bare, {}).to_string() == "1+1=2\n\n2+2=4"


def test_prefix_and_suffix_may_be_templates() -> None:
    """Each has its own format and partial variables."""
    prompt = FewShotPromptTemplate(
        example_prompt=SHOWN,
        examples=EXAMPLES[:1],
        prefix=PromptTemplate("{{x}} {{y}}", template_format="mustache").partial(y="Y"),
        suffix="{x}=",
    )
    assert prompt.input_variables == ["x"]
    assert prompt.format(x="X") == "X Y\n\n1+1=2\n\nX="


def test_examples_are_messages_in_a_chat(call: Call) -> None:
    """Examples have their own values, also for variables of the same name."""
    few = FewShotChatMessagePromptTemplate(example_prompt=PAIR, examples=EXAMPLES)
    chat = ChatPromptTemplate([("system", "s"), few, ("human", "{q}")])
    assert chat.input_variables == ["q"]
    assert call.invoke(chat, "3+3").to_messages() == [
        SystemMessage("s"),
        *(HumanMessage("1+1"), AIMessage("2"), HumanMessage("2+2"), AIMessage("4")),
        HumanMessage("3+3"),
    ]


def test_an_example_that_lacks_a_value_is_refused_at_construction() -> None:
    """The error has the number of the example."""
    with pytest.raises(MissingVariableError, match=r"Example 2 of 2 of FewShot.*'a'.*received 'q'"):
        text_prompt(examples=[{"q": 1, "a": 2}, {"q": 1}])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "received neither"),
        ({"examples": EXAMPLES, "example_selector": Selector()}, "received both"),
        ({"example_selector": object()}, "A object cannot select examples"),
    ],
)
def test_examples_come_from_a_list_or_a_selector(options: Any, reason: str) -> None:
    """Neither, both, and an object that cannot select are errors."""
    with pytest.raises(PromptError, match=reason):
        text_prompt(**options)


@pytest.mark.parametrize("kind", ["text", "chat", "within a chat", "deeper", "in a message"])
def test_a_selector_chooses_for_each_input(kind: str, call: Call) -> None:
    """The prompt may be nested in others, and the selector receives all values."""
    selector = Selector()
    few = FewShotChatMessagePromptTemplate(example_prompt=PAIR, example_selector=selector)
    text = FewShotPromptTemplate(example_prompt=SHOWN, suffix="{x}", example_selector=selector)
    prompt: Any = {
        "text": text,
        "chat": few,
        "within a chat": few + HumanMessagePromptTemplate.from_template("{x}"),
        "deeper": ChatPromptTemplate([few + "{x}", "{x}"]),
        "in a message": ChatPromptTemplate([HumanMessagePromptTemplate(text)]),
    }[kind]
    found = call.invoke(prompt, {"x": "2+", "wide": 1}).to_string()
    assert "2+2" in found
    assert "1+1" not in found
    assert selector.inputs == [{"x": "2+", "wide": 1}]


def test_a_selector_that_is_not_async_runs_in_a_thread() -> None:
    """It may do I/O, which must not block a loop; a sync call runs it in the same thread."""
    import asyncio

    selector = Selector()
    prompt = text_prompt(example_selector=selector)
    prompt.invoke("2")
    assert selector.threads == {threading.current_thread().name}
    asyncio.run(prompt.ainvoke("2"))
    assert len(selector.threads) == 2


async def test_an_async_selector_is_awaited() -> None:
    """All async methods await it."""
    prompt = text_prompt(example_selector=AsyncSelector())
    assert await prompt.aformat(x="2") == "Solve 2!\n2+2=4\n2="
    assert (await prompt.ainvoke("2")).to_string() == "Solve 2!\n2+2=4\n2="
    assert [value.to_string() async for value in prompt.astream("2")] == ["Solve 2!\n2+2=4\n2="]
    assert [value.to_string() for value in await prompt.abatch(["2"])] == ["Solve 2!\n2+2=4\n2="]


def test_a_sync_call_of_an_async_selector_names_the_call_to_use() -> None:
    """It is a TypeError, and not a coroutine in a prompt."""
    prompt = text_prompt(example_selector=AsyncSelector())
    with pytest.raises(SyncAsyncError, match=r"AsyncSelector .* Use `ainvoke`"):
        prompt.invoke("2")


def test_unknown_names_are_accepted_where_a_selector_may_use_them() -> None:
    """Without a selector, they are refused."""
    few = FewShotChatMessagePromptTemplate(example_prompt=PAIR, example_selector=Selector())
    assert len(few.format_messages(x="2+", topic="sums")) == 2
    with pytest.raises(PromptError, match="no variable 'topic'"):
        text_prompt(examples=EXAMPLES).format(x="2+", topic="sums")


def test_the_variables_that_a_selector_needs_can_be_declared() -> None:
    """Variables that are declared are required."""
    few = FewShotChatMessagePromptTemplate(
        example_prompt=PAIR, example_selector=Selector(), input_variables=["x"]
    )
    assert few.input_variables == ["x"]
    with pytest.raises(MissingVariableError, match="'x'"):
        few.format_messages()


def test_examples_by_length_fit_together_with_the_input() -> None:
    """Words are counted by default; another measure can be passed."""
    shown = PromptTemplate("{q} {a}")
    selector = LengthBasedExampleSelector(EXAMPLES, shown, max_length=5)
    assert selector.select_examples({"x": "one"}) == EXAMPLES
    assert selector.select_examples({"x": "one two"}) == EXAMPLES[:1]
    assert selector.select_examples({"x": "one two three\nfour", "n": 5}) == []
    letters = LengthBasedExampleSelector(EXAMPLES, shown, max_length=10, get_text_length=len)
    assert letters.select_examples({"x": "12345"}) == EXAMPLES[:1]


def test_prompts_with_examples_are_values() -> None:
    """They compare, pickle, and print as the code that makes them."""
    prompt = text_prompt(examples=EXAMPLES[1:])
    assert pickle.loads(pickle.dumps(prompt)) == prompt
    assert eval(repr(prompt)) == prompt
    few = FewShotChatMessagePromptTemplate(example_prompt=PAIR, examples=EXAMPLES)
    assert eval(repr(few)) == few
    assert few != prompt
