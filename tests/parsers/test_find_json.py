"""The JSON that was asked for, in what models write around it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, RootModel

from runnables.engine.merging import merge_chunks
from runnables.errors import OutputParserException
from runnables.parsers import JsonExtractor, JsonOutputParser, PydanticOutputParser
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.parsers.answers import cut, outcome


class Item(BaseModel):
    name: str
    size: int = 1


class Items(RootModel[list[Item]]):
    pass


A = '{"name": "a", "size": 2}'

NOISE: list[str] = [
    "Based on the talk {about travel}, here it is:",
    "The set {1, 2} has two members.",
    "A set {x : x > 0} and a pair {a, b}.",
    "C code: if (x) { y(); }\n",
    "In C: int a[] = {1, 2}; a[0] = f(a[1]);",
    'Thought: I write {"name": ...}.\nSo:',
    'Schema: {"name": <str>, "size": <int>}\n',
    'Schema: {"type": "object", "properties": {"name": {"type": "string"}}}\n',
    'The template {"name": "{name}"} and {{name}} and {% if name %}, then:',
    'Format: {"name": "string", "size": "number"}\n',
    "Python: {'name': 'b', 'size': 1}\n",
    "JavaScript: {name: 'b', size: 1}\n",
    r"$\frac{a}{b}$ and $\{1, 2\}$ and x_{max}^{2}, so:",
    "[note]\n",
    "Items: [see below]\n",
    "[1] is my source.\n",
    "As in [1], [2, 3] and [^4]:",
    "See [the docs](https://example.org/[x]) and ![img][1].\n",
    "- [ ] one thing to do\n- [x] another one\n",
    "The interval [0, 1) is half-open, ]0, 1[ is open.",
    "An empty {} or [] is none. ",
    '```python\nx = {"name": "b"}\n```\n',
    "```\nplain {text}\n```\n",
    'Use `{"nme": 1}` for it? No.\n',
    "> A quote: {really}\n",
    '"Quoted": 3 of 4 { and more.\n',
    "An emoji :-{ and a wink ;-]\n",
]
"""What comes before the answer: braces and brackets that are not the answer."""

ANSWERS = [A, f"```json\n{A}\n```", f"```\n{A}\n```", f"\n{json.dumps(json.loads(A), indent=2)}\n"]
AFTER = ["", "\n", "\nThat is all {really}.", "\n\n[1] A source", "\n\nNote: [2] is {not} it."]


@st.composite
def answers_in_prose(draw: Callable[..., Any]) -> list[str]:
    """Draw an answer in prose, in parts."""
    before = "".join(draw(st.lists(st.sampled_from(NOISE), max_size=3)))
    text = before + draw(st.sampled_from(ANSWERS)) + draw(st.sampled_from(AFTER))
    return draw(cut(st.just(text)))


@pytest.mark.parametrize(
    "parser", [JsonOutputParser(), JsonOutputParser(Item), PydanticOutputParser(Item)], ids=repr
)
def test_prose_neither_hides_nor_replaces_the_answer(parser: Any, call: Call) -> None:
    """At once and streamed, with a type and without one."""

    @given(answers_in_prose())
    def law(parts: list[str]) -> None:
        for value in (
            call.invoke(parser, "".join(parts)),
            merge_chunks(call.transform(parser, parts), parser.merge),
        ):
            assert (value if isinstance(value, dict) else value.model_dump()) == json.loads(A)

    law()


@pytest.mark.parametrize("noise", NOISE)
def test_every_kind_of_prose_is_read_over(noise: str, call: Call) -> None:
    """One by one, character by character."""
    for text in (f"{noise}\n{A}", f"{noise} {A}."):
        assert call.invoke(JsonOutputParser(), text) == json.loads(A)
        assert call.transform(JsonOutputParser(), [*text])[-1] == json.loads(A)


@pytest.mark.parametrize(
    "noise", [noise for noise in NOISE if "{}" not in noise and '{"type"' not in noise]
)
def test_prose_alone_is_an_error(noise: str, call: Call) -> None:
    """It is not taken for the answer where the answer is missing."""
    if ('{"name": "' in noise and "```" not in noise) or '{"nme": 1}' in noise:
        return  # a template is JSON
    for text in (noise, f"I cannot do that. {noise}"):
        with pytest.raises(OutputParserException, match="not valid JSON"):
            call.invoke(JsonOutputParser(), text)


TYPED: list[tuple[str, str]] = [
    ('For example {"name": 1}; mine: ' + A, "the fitting one"),
    (A + ' where {"name": null} would be wrong', "the fitting one, before"),
    ('[{"name": "b"}]\n' + A, "an object, not a list"),
    ('{"item": ' + A + "}\n" + A, "the fitting one, not a part of another"),
    ('A draft: {"name": "b"}.\nFinal answer: ' + A, "the one with a label"),
    ('I thought of {"name": "b"}, but:\n\n' + A, "the one on a line of its own"),
    ('{"name": "b"} is a draft.\n```json\n' + A + "\n```", "the one in a fenced block"),
    ('```json\n{"name": "b"}\n```\nNo. The corrected JSON:\n' + A, "the corrected one"),
    ('```json\n{"name": "b"}\n```\nFinal answer:\n```json\n' + A + "\n```", "the final one"),
    ("Final answer:\n```json\n" + A + '\n```\nThe result {"name": "b"} is worse.', "it, before"),
    ('{"name": "<name>", "size": <size>}\n' + A + " is it.", "the one without placeholders"),
    ('Like this:\n{"name": ..., "size": ...}\nIt is ' + A, "the one that is written out"),
    ('{"name"}\nis the set, and ' + A + " is it.", "an object, not a set"),
    (A + "\n" + A, "the same value twice"),
]


@pytest.mark.parametrize(("text", "_why"), TYPED, ids=[why for _, why in TYPED])
def test_the_value_that_was_asked_for_wins(text: str, _why: str, call: Call) -> None:
    """Also for structured output, of a type and of a schema."""
    item = Item(name="a", size=2)
    for cuts in ([text], [*text]):
        assert call.transform(PydanticOutputParser(Item), cuts)[-1] == item
        model = ScriptedChatModel([cuts], cycle=True)
        assert call.stream(model.with_structured_output(Item), "hi")[-1] == item
        schema = {**Item.model_json_schema(), "additionalProperties": False}
        assert call.invoke(model.with_structured_output(schema), "hi") == json.loads(A)


@pytest.mark.parametrize(
    "text",
    [
        'Either {"name": "a"} or {"name": "b"} would do.',
        '{"name": "a"}\n{"name": "b"}',
        '```json\n{"name": "a"}\n```\nor\n```json\n{"name": "b"}\n```\n',
        'A draft {"name": "a"}. Final: {"name": "b", "si',
        '{"name": "a"}\n\nAnd:\n{"name": "b',
        '```json\n{"name": "a", oops}\n```\nIn other words {"name": "b"}.',
    ],
)
def test_a_guess_is_an_error(text: str, call: Call) -> None:
    """Two values that fit alike, one that is cut off or malformed: repair has work to do."""
    for parts in ([text], [*text]):
        with pytest.raises(OutputParserException, match="for Item") as caught:
            call.transform(PydanticOutputParser(Item), parts)
        assert caught.value.llm_output == text
    repaired = PydanticOutputParser(Item).with_repair(ScriptedChatModel([A]))
    assert call.invoke(repaired, text) == Item(name="a", size=2)


MALFORMED = [
    '{"name": Ada, "home": {"name": "S"}}',
    '{name: "Ada", "home": {"name": "S"}}',
    "{'name': 'Ada', 'home': {\"name\": \"S\"}}",
    '[oops", {"name": "S"}, "x"',
    '[\'a\', {"name": "S"}]',
    '{ // a comment\n "home": {"name": "S"}}',
    '{"a": "C:\\x", "home": {"name": "S"}}',
    '{"a": 1, "home": {"name": "S"},}',
]


@pytest.mark.parametrize("text", MALFORMED[:3] + MALFORMED[4:])
def test_a_part_of_malformed_json_is_not_the_answer(text: str, call: Call) -> None:
    """With or without a type that the part fits."""
    for parser in (JsonOutputParser(), PydanticOutputParser(Item)):
        for parts in ([text], [*text]):
            with pytest.raises(OutputParserException):
                call.transform(parser, parts)


LINES = ['{"name": "a"}', '{"name": "b", "size": 2}', '{"name": "c"}']
WANTED = [Item(name="a"), Item(name="b", size=2), Item(name="c")]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(LINES),
        "\n\n".join(LINES),
        ",\n".join(LINES),
        "```jsonl\n" + "\n".join(LINES) + "\n```",
        "```json\n" + "\n".join(LINES) + "\n```\nThat is all.",
        "Here you are:\n```ndjson\n" + "\n".join(LINES) + "\n```",
        "\n".join(f"- {line}" for line in LINES),
        "\n".join(f"{number}. {line}" for number, line in enumerate(LINES, 1)),
        'Three items, each like {"name": "string"}:\n' + "\n".join(LINES),
        "- [ ] A thing to do\n" + "\n".join(LINES),
        "[ ] To do:\n```jsonl\n" + "\n".join(LINES) + "\n```",
        "None is [], but these are some:\n" + "\n".join(LINES),
        "First: " + LINES[0] + ", then " + LINES[1] + ", and at last\n" + LINES[2],
        "".join(f"```json\n{line}\n```\n" for line in LINES),
    ],
)
def test_json_lines_are_a_list_where_one_was_asked_for(text: str, call: Call) -> None:
    """All of them, also streamed, and for structured output of a type or a schema."""
    for parser in (PydanticOutputParser(list[Item]), PydanticOutputParser(tuple[Item, ...])):
        assert [*call.invoke(parser, text)] == WANTED
        assert [*call.transform(parser, [*text])[-1]] == WANTED
    assert call.invoke(PydanticOutputParser(Items), text).root == WANTED
    model = ScriptedChatModel([[*text]], cycle=True)
    assert call.stream(model.with_structured_output(list[Item]), "hi")[-1] == WANTED
    schema = {"title": "items", "type": "array", "items": {"type": "object"}}
    assert call.invoke(model.with_structured_output(schema), "hi") == [*map(json.loads, LINES)]


def test_one_json_line_is_a_list_of_one(call: Call) -> None:
    """Where a list was asked for; a list stays as it is."""
    parser = PydanticOutputParser(list[Item])
    assert call.invoke(parser, LINES[0]) == WANTED[:1]
    assert call.invoke(parser, f"[{LINES[0]}]") == WANTED[:1]


def test_what_is_mentioned_and_does_not_fit_is_no_json_line(call: Call) -> None:
    """It is in backticks within a line; what fits is in the list."""
    text = "Each is `%s`, as `%s` is:\n" + "\n".join(LINES[1:])
    parser = PydanticOutputParser(list[Item])
    assert call.invoke(parser, text % ('{"nme": "x"}', LINES[0])) == WANTED[1:]
    assert call.invoke(parser, text % (LINES[0], LINES[0])) == [*WANTED[:1] * 2, *WANTED[1:]]


@pytest.mark.parametrize("text", ["[]", "```json\n[]\n```", "Output: []", "[]\nThere is none."])
def test_an_empty_list_is_the_answer_where_it_stands_as_one(text: str, call: Call) -> None:
    """Objects before it are what the model was given, or what it rejected."""
    for before in ("", 'Input: {"name": "a"}\n', 'I leave out {"name": "b"}.\n\n'):
        assert call.invoke(PydanticOutputParser(list[Item]), f"{before}{text}") == []


@pytest.mark.parametrize("last", ['{"name": "d', '{"name": oops}', '{"nme": "d"}', '{"name": 4}'])
def test_no_json_line_is_left_out(last: str, call: Call) -> None:
    """A line that is cut off, malformed or does not fit makes all of it an error."""
    text = "\n".join([*LINES, last])
    for parts in ([text], [*text]):
        with pytest.raises(OutputParserException):
            call.transform(PydanticOutputParser(list[Item]), parts)


VALUES = st.integers() | st.booleans() | st.none() | st.text(max_size=3) | st.just(["a", {}])


@given(st.lists(st.dictionaries(st.text(max_size=3), VALUES, min_size=1), min_size=1, max_size=4))
def test_json_lines_without_a_type_are_all_in_the_value(values: list[Any]) -> None:
    """One is the value itself; several are a list."""
    text = "\n".join(json.dumps(value) for value in values)
    expected = values if len(values) > 1 else values[0]
    assert JsonOutputParser().invoke(text) == expected
    assert JsonOutputParser().invoke(f"```jsonl\n{text}\n```") == expected


FENCES = st.lists(
    st.sampled_from(
        [
            "```",
            "`" * 25,
            "json\n",
            '{"a": ',
            "1}",
            "[2]",
            "\n",
            "<think>",
            "</think>",
            "x",
            '"',
            "\\",
        ]
    )
).map("".join)


@given(cut(st.text(alphabet="{}[]\":,1a \n`<>think/|\\'") | FENCES | st.text()))
def test_any_text_is_read_alike_however_it_is_cut(parts: list[str]) -> None:
    """Values, and errors with their words."""
    for parser in (JsonOutputParser(), PydanticOutputParser(list[dict[str, int]])):
        whole = outcome(lambda p=parser: p.invoke("".join(parts)))  # type: ignore[misc]
        assert whole == outcome(
            lambda p=parser: merge_chunks(p.transform(iter(parts)), p.merge)  # type: ignore[misc]
        )


def test_a_growing_answer_is_shown_and_a_later_remark_is_not(call: Call) -> None:
    """Snapshots are of the answer, as it seems, and do not go back to others."""
    text = 'See {it} [1]:\n{"a": [1, 2]}\nNot {"a": [3]} as before.'
    shown = call.transform(JsonOutputParser(), [*text])
    assert shown == [{}, {"a": []}, {"a": [1]}, {"a": [1, 2]}]


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        "[",
        "{{",
        "{x} ",
        "[1] ",
        '{"',
        '{"a": ',
        '{"a": 1} ',
        '{"a"}',
        '{"a": <b>}',
        '`{"a": 1}`\n',
        "[1, ",
        "<think>",
        "</think>",
        "<",
        "`",
        "{a:",
        "'",
    ],
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    """Nothing is read again from its beginning: four times the text takes no sixteen times."""

    def seconds(count: int) -> float:
        extractor = JsonExtractor()
        text = unit * count
        begin = time.process_time()
        for start in range(0, len(text), 16):
            extractor.feed(text[start : start + 16])
        outcome(lambda: JsonOutputParser().invoke(text))
        return time.process_time() - begin

    seconds(500)
    short, long = min(seconds(1_000) for _ in range(3)), min(seconds(4_000) for _ in range(3))
    assert long < 9 * short + 0.05
