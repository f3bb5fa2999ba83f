"""Chat prompts: their parts, placeholders, blocks, sums and slices."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from runnables.errors import PromptError
from runnables.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    ChatPromptValue,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from runnables.prompts import (
    AIMessagePromptTemplate,
    BaseChatPromptTemplate,
    ChatMessagePromptTemplate,
    ChatPromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    MissingVariableError,
    PromptTemplate,
    SystemMessagePromptTemplate,
)
from runnables.prompts.formats.base import Variables
from runnables.prompts.message import BaseMessagePromptTemplate
from tests.both_modes import Call

CHAT = ChatPromptTemplate(
    [("system", "You are {name}."), ("placeholder", "{history}"), ("human", "{question}")]
)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("{x}", HumanMessage("1")),
        (("human", "{x}"), HumanMessage("1")),
        (("user", "{x}"), HumanMessage("1")),
        (("ai", "{x}"), AIMessage("1")),
        (("assistant", "{x}"), AIMessage("1")),
        (("system", "{x}"), SystemMessage("1")),
        ((HumanMessage, "{x}"), HumanMessage("1")),
        ((SystemMessagePromptTemplate, "{x}"), SystemMessage("1")),
        ({"role": "ai", "content": "{x}"}, AIMessage("1")),
        (AIMessage("{x}"), AIMessage("{x}")),
        (AIMessagePromptTemplate.from_template("{x}"), AIMessage("1")),
        (HumanMessagePromptTemplate(PromptTemplate("{x}")), HumanMessage("1")),
        (ChatMessagePromptTemplate.from_template("{x}", role="r"), ChatMessage("1", role="r")),
        (ChatPromptTemplate([("ai", "{x}")]), AIMessage("1")),
        (
            HumanMessagePromptTemplate.from_template("{x}", additional_kwargs={"k": 1}),
            HumanMessage("1", additional_kwargs={"k": 1}),
        ),
        (
            ("human", ["{x}", {"text": "{x}"}, ""]),
            HumanMessage([{"type": "text", "text": "1"}] * 2),
        ),
    ],
)
def test_a_part_can_be_written_in_many_ways(part: Any, message: BaseMessage, call: Call) -> None:
    """Strings, pairs, dicts, classes and templates are accepted; messages stay unchanged."""
    value = call.invoke(ChatPromptTemplate([part]), {"x": 1})
    assert value == ChatPromptValue(messages=[message])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (("humn", "x"), "Unexpected message type: humn.*Did you mean 'human'"),
        ((int, "x"), "Unexpected message type: int"),
        (("a", "b", "c"), "Unsupported message type: tuple"),
        (5, "Unsupported message type: int"),
        ({"role": "ai"}, "the keys 'role' and 'content', got \\['role'\\]"),
        (("ai", 5), "Invalid template: 5"),
        (("ai", [5]), "Invalid template: 5"),
        (("placeholder", "history"), "Invalid placeholder template: 'history'"),
        (("placeholder", ["{history}", 1]), "Invalid placeholder template"),
        (("human", '{"a": 1}'), "Line 1, column 1 of the template"),
        (("human", [{"type": "image", "url": "{a.b}"}]), "out of reach of a template"),
        (("human", [{"image_url": {"path": "x.png"}}]), "not read from a 'path'"),
        (("human", [{"image_url": {"detail": "low"}}]), "needs a 'url'"),
        (("human", [{"image_url": 5}]), "Invalid image template: 5"),
    ],
)
def test_an_invalid_part_is_refused_at_construction(part: Any, reason: str) -> None:
    """The error says what is wrong and what to write."""
    with pytest.raises(PromptError, match=reason):
        ChatPromptTemplate([part])


def test_variables_are_those_of_all_parts() -> None:
    """A variable that one part requires is required; those of optional placeholders are not."""
    assert (CHAT.input_variables, CHAT.optional_variables) == (["name", "question"], ["history"])
    more = CHAT + ChatPromptTemplate([("ai", "{history}")])
    assert more.input_variables == ["history", "name", "question"]
    ChatPromptTemplate(
        ["{x}", ("placeholder", "{y}")], input_variables=["x"], optional_variables=["y"]
    )


def test_all_missing_values_are_reported_at_once(call: Call) -> None:
    """The error names those of all parts, with the likely typo."""
    with pytest.raises(MissingVariableError, match=r"values for 'name', 'question'.*'nam'\?"):
        call.invoke(CHAT, {"nam": "x"})
    with pytest.raises(PromptError, match=r"no variable 'nam'\. Did you mean 'name'\?"):
        CHAT.format_messages(nam="x", question="?")


def test_placeholders_take_anything_that_converts_to_messages(call: Call) -> None:
    """Messages, pairs and strings; nothing where they are optional; the last n where limited."""
    history = [("human", "{a}"), AIMessage("b"), "c"]
    values = {"name": "N", "question": "?", "history": history}
    messages = call.invoke(CHAT, values).to_messages()
    assert messages[1:-1] == [HumanMessage("{a}"), AIMessage("b"), HumanMessage("c")]
    assert len(CHAT.format_messages(name="N", question="?")) == 2
    last = MessagesPlaceholder("history", n_messages=1)
    assert last.format_messages(history=history) == [HumanMessage("c")]
    assert call.invoke(ChatPromptTemplate([last]), history).to_messages() == [HumanMessage("c")]


def test_a_placeholder_refuses_wrong_values_and_limits() -> None:
    """No list, a wrong type, a wrong message and a wrong limit are errors."""
    placeholder = MessagesPlaceholder("history")
    with pytest.raises(MissingVariableError, match="missing a value for 'history'"):
        placeholder.format_messages()
    with pytest.raises(PromptError, match="'history' should be a list of messages, and is a str"):
        placeholder.format_messages(history="hello")
    with pytest.raises(PromptError, match="The variable 'history': "):
        placeholder.format_messages(history=[("stranger", "x")])
    with pytest.raises(PromptError, match="n_messages=0"):
        MessagesPlaceholder("history", n_messages=0)
    assert ChatPromptTemplate([("placeholder", ["{h}", False])]).input_variables == ["h"]


def test_blocks_of_all_kinds_are_templates(call: Call) -> None:
    """Text, both formats of images, nested dicts and lists; other values stay unchanged."""
    prompt = ChatPromptTemplate(
        [
            (
                "human",
                [
                    {
                        "type": "text",
                        "text": "What is on {what}?",
                        "cache_control": {"type": "{c}"},
                    },
                    {"type": "image_url", "image_url": "{url}"},
                    {"type": "image_url", "image_url": {"url": "{url}", "detail": "low"}},
                    {"type": "image", "source": [{"data": "{data}"}, 1, (None, "{c}")]},
                ],
            )
        ]
    )
    values = {"what": "it", "c": "e", "url": "http://x", "data": "AAAA"}
    assert call.invoke(prompt, values).to_messages()[0].content == [
        {"type": "text", "text": "What is on it?", "cache_control": {"type": "e"}},
        {"type": "image_url", "image_url": {"url": "http://x"}},
        {"type": "image_url", "image_url": {"url": "http://x", "detail": "low"}},
        {"type": "image", "source": [{"data": "AAAA"}, 1, (None, "e")]},
    ]


def test_chat_prompts_add_up() -> None:
    """Prompts, templates, messages, strings, pairs and lists of them, on either side."""
    system = SystemMessagePromptTemplate.from_template("{a}")
    prompt = (
        SystemMessage("s")
        + (system + HumanMessage("{m}"))
        + "{b}"
        + ("ai", "{c}")
        + [("human", "d"), AIMessage("e")]
        + ChatPromptTemplate(["{f}"]).partial(f="F")
    )
    contents = [message.text for message in prompt.format_messages(a="A", b="B", c="C")]
    assert contents == ["s", "A", "{m}", "B", "C", "d", "e", "F"]
    assert (
        repr(SystemMessage("s") + system)
        == "ChatPromptTemplate([SystemMessage('s'), ('system', '{a}')])"
    )


def test_added_parts_have_the_format_of_the_chat() -> None:
    """`append` and `extend` change it in place, in the same format."""
    chat = ChatPromptTemplate(["{{a}}"], template_format="mustache") + "{b} {{b}}"
    chat.append("{{c}}")
    chat.extend([("ai", "{{d}}")])
    assert chat.input_variables == ["a", "b", "c", "d"]
    assert len(chat) == 4


def test_adding_refuses_two_values_for_one_variable() -> None:
    """The same value twice is no conflict."""
    with pytest.raises(PromptError, match="fill in the variable 'name'"):
        CHAT.partial(name="a") + CHAT.partial(name="b")
    assert (CHAT.partial(name="a") + CHAT.partial(name="a")).partial_variables == {"name": "a"}


def test_slices_keep_their_partial_variables() -> None:
    """An index returns a part, a slice a chat prompt."""
    chat = CHAT.partial(name="N", question="?")
    assert chat[0] == SystemMessagePromptTemplate.from_template("You are {name}.")
    assert chat[:1].partial_variables == {"name": "N"}
    assert chat[1:].format_messages(history=["h"]) == [HumanMessage("h"), HumanMessage("?")]


def test_partial_does_not_change_the_prompt() -> None:
    """Its list of messages, which can grow, is copied."""
    chat = ChatPromptTemplate(["{a} {b}"])
    filled = chat.partial(a=1)
    filled.append("{c}")
    assert (len(chat), chat.input_variables, filled.input_variables) == (1, ["a", "b"], ["b", "c"])


def test_inner_templates_keep_their_own_partial_variables() -> None:
    """Values that are passed go before them."""
    inside = PromptTemplate("{a} {b}").partial(a="own")
    chat = ChatPromptTemplate([HumanMessagePromptTemplate(inside)])
    assert chat.input_variables == ["b"]
    assert chat.format(b="B") == "Human: own B"
    assert chat.format(a="A", b="B") == "Human: A B"


@pytest.mark.parametrize("chat", [CHAT, CHAT.partial(name="N"), ChatPromptTemplate([])])
def test_a_chat_prompt_is_a_value(chat: ChatPromptTemplate) -> None:
    """It compares, hashes and pickles by its parts."""
    restored = pickle.loads(pickle.dumps(chat))
    assert restored == chat
    assert hash(restored) == hash(chat)
    assert restored + "x" != chat


@pytest.mark.parametrize(
    "code",
    [
        "ChatPromptTemplate([('system', 'Be {x}'), MessagesPlaceholder('h', optional=True)])",
        "ChatPromptTemplate([SystemMessage('x'), ('human', ['a', {'type': 'i', 'url': '{u}'}])])",
        "ChatPromptTemplate([('ai', '{{x}}')], template_format='mustache', name='n')",
        "ChatPromptTemplate([ChatMessagePromptTemplate(PromptTemplate('x'), role='r')])",
        "HumanMessagePromptTemplate(PromptTemplate('{x}'), additional_kwargs={'k': 1})",
    ],
)
def test_a_chat_prompt_prints_as_the_code_that_makes_it(code: str) -> None:
    """Parts print as the pairs that users write."""
    chat = eval(code)
    assert repr(chat) == code
    assert eval(repr(chat)) == chat


def test_pretty_print_shows_all_parts(capsys: pytest.CaptureFixture[str]) -> None:
    """It shows headings, and variables in braces."""
    (CHAT + AIMessage("ok")).pretty_print()
    shown = capsys.readouterr().out
    for line in ("System Message", "You are {name}.", "{history}", "Ai Message", "ok"):
        assert line in shown


def test_from_template_makes_one_user_message() -> None:
    """`from_messages` is the same as the constructor."""
    assert ChatPromptTemplate.from_template("{x}") == ChatPromptTemplate([("human", "{x}")])
    assert ChatPromptTemplate.from_messages(["{{x}}"], "mustache").format(x=1) == "Human: 1"


def test_the_schema_of_a_chat_prompt_has_lists_for_placeholders() -> None:
    """Optional ones may be left out."""
    properties = CHAT.input_schema.model_json_schema()["properties"]
    assert properties["name"] == {"title": "Name", "type": "string"}
    assert properties["history"]["anyOf"] == [{"items": {}, "type": "array"}, {"type": "null"}]


async def test_async_methods_return_the_same() -> None:
    """`aformat`, `aformat_messages`, `aformat_prompt` and `ainvoke`."""
    values = {"name": "N", "question": "?"}
    assert await CHAT.aformat(**values) == CHAT.format(**values)
    assert await CHAT.aformat_messages(**values) == CHAT.format_messages(**values)
    assert await CHAT.aformat_prompt(**values) == await CHAT.ainvoke(values)


def test_messages_of_a_user_s_own_classes_are_validated() -> None:
    """Only messages of the library's own templates skip validation."""

    class Junk(BaseMessagePromptTemplate):
        def render_messages(self, context: Any) -> list[Any]:
            return ["a string"]

        def _own_variables(self) -> Variables:
            return Variables()

    class Loud(HumanMessage):
        def model_post_init(self, context: Any, /) -> None:
            self.content = self.text.upper()

    class LoudTemplate(HumanMessagePromptTemplate):
        message_class = Loud

    class Results(HumanMessagePromptTemplate):
        message_class = ToolMessage

    class Conversation(BaseChatPromptTemplate):
        def render_messages(self, context: Any) -> Any:
            return (HumanMessage(text) for text in "ab")

        def _own_variables(self) -> Variables:
            return Variables()

        def pretty_repr(self) -> str:
            return ""

    with pytest.raises(ValidationError):
        ChatPromptTemplate([Junk()]).invoke({})
    with pytest.raises(ValidationError):
        Results.from_template("of no call").format()
    assert Conversation().invoke({}).to_messages() == [HumanMessage("a"), HumanMessage("b")]
    assert LoudTemplate.from_template("hi").format().text == "HI"


def test_a_prompt_with_an_image_prints_as_the_code_that_makes_it() -> None:
    """The block keeps its type, as users write it."""
    image = {"type": "image_url", "image_url": {"url": "https://x/{name}.png"}}
    prompt = ChatPromptTemplate([("human", [{"type": "text", "text": "What is it?"}, image])])
    assert eval(repr(prompt)) == prompt
