"""Reasoning within the text of an answer: no parser takes a draft for the answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from runnables import Runnable
from runnables.engine.merging import RESET, Reset, merge_chunks
from runnables.errors import OutputParserException
from runnables.parsers import (
    BaseOutputParser,
    CommaSeparatedListOutputParser,
    DatetimeOutputParser,
    EnumOutputParser,
    JsonOutputParser,
    MarkdownListOutputParser,
    NumberedListOutputParser,
    PydanticOutputParser,
    StrOutputParser,
    XMLOutputParser,
)
from runnables.parsers.reasoning import AnswerText, answer_text
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.parsers.answers import Paint, cut, outcome


class Vote(BaseModel):
    score: int


YES_OR_NO: Any = Literal["yes", "no"]

FORMS: list[str] = [
    "<think>{draft}</think>{answer}",
    "<think>\n{draft}\n\nHm, no.\n</think>\n\n{answer}",
    "\n<thinking>Maybe\n{draft}\n</thinking>\n{answer}",
    "<THINK>{draft}</THINK>{answer}",
    '<thinking budget="12">{draft}</thinking>{answer}',
    "<reasoning>{draft}</reasoning>\n{answer}",
    "<reflection>{draft}</reflection>\n{answer}",
    "<thought>\n{draft}</thought>\n{answer}",
    "<thought_process>{draft}</thought_process>\n{answer}",
    "<scratchpad>{draft}</scratchpad>\n{answer}",
    "<antThinking>{draft}</antThinking>{answer}",
    "<seed:think>{draft}</seed:think>{answer}",
    "<longcat_think>\n{draft}\n</longcat_think>\n{answer}",
    "[THINK]{draft}[/THINK]{answer}",
    "◁think▷{draft}◁/think▷{answer}",
    "<|START_THINKING|>{draft}<|END_THINKING|><|START_RESPONSE|>{answer}<|END_RESPONSE|>",
    "<|begin_of_thought|>\n{draft}\n<|end_of_thought|>\n\n<|begin_of_solution|>\n{answer}\n"
    "<|end_of_solution|>",
    "<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>"
    "{answer}<|return|>",
    "<|channel|>analysis<|message|>{draft}<|end|>\n<|channel|>commentary<|message|>{draft}<|end|>"
    "<|start|>assistant<|channel|>final <|constrain|>json<|message|>{answer}",
    "analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{answer}",
    "<|channel|>analysis<|message|>{draft}<|end|>{answer}",
    "analysis{draft}assistantfinal{answer}",
    "<|channel>thought\n{draft}<channel|>{answer}",
    "<|inner_prefix|>{draft}<|inner_suffix|>{answer}",
    "<unused94>thought\n{draft}<unused95>{answer}",
    "[unused16]{draft}[unused17]\n{answer}",
    "<|think|>{draft}<|end|>{answer}<|im_end|>",
    "<|thinking|>{draft}<|/thinking|>{answer}",
    "<ifm|think>{draft}</ifm|think>{answer}",
    "<chain-of-thought>{draft}</chain-of-thought>{answer}",
    "Here are my reasoning steps:\n{draft}\n[BEGIN FINAL RESPONSE]\n{answer}\n[END FINAL RESPONSE]",
    "{draft}\n</think>\n{answer}",
    "So:\n{draft}\nThat is wrong.</think>\n\n{answer}",
    "{draft}◁/think▷{answer}",
    "{draft}[/THINK]\n{answer}",
    "<think>a <think> in it\n{draft}</think>\n{draft}\n</think>\n{answer}",
    "<think>{draft}</think>\n<think>{draft}</think>\n{answer}",
    "<think></think>\n{answer}",
    "{answer}\n<think>Was that right?</think>",
]
"""The ways in which open models write reasoning; `draft` is what must not be read."""

CASES: list[tuple[Runnable[Any, Any], list[str], str, Any]] = [
    (
        JsonOutputParser(),
        ['{"score": 1}', '```json\n{"score": 1}\n```', '{"scor": 1', '{"score": oops}', "[1, 2]"],
        '{"score": 9}',
        {"score": 9},
    ),
    (JsonOutputParser(), ["[1]", "3"], "```json\n[8, 9]\n```", [8, 9]),
    (JsonOutputParser(), ['{"a": 1}'], "42", 42),
    (PydanticOutputParser(Vote), ['{"score": 1}', '{"scor": 1}'], '{"score": 9}', Vote(score=9)),
    (
        PydanticOutputParser(list[Vote]),
        ['[{"score": 1}]', '{"score": 1}\n{"score": 2}'],
        '{"score": 8}\n{"score": 9}',
        [Vote(score=8), Vote(score=9)],
    ),
    (PydanticOutputParser(YES_OR_NO), ["no", '"no"'], "Yes.", "yes"),
    (NumberedListOutputParser(), ["1. a\n2. b", "none"], "1. c\n2. d", ["c", "d"]),
    (MarkdownListOutputParser(), ["- a\n- b"], "- c\n- d", ["c", "d"]),
    (CommaSeparatedListOutputParser(), ["a, b"], "c, d", ["c", "d"]),
    (XMLOutputParser(), ["<a>1</a>", "<a>1</a><b>2</b>"], "<a>9</a>", {"a": "9"}),
    (EnumOutputParser(Paint), ["3", "dark red"], "Red.", Paint.RED),
    (DatetimeOutputParser("%Y"), ["1999"], "2001", datetime(2001, 1, 1)),
]
IDS = [f"{case[0]!r}-{number}" for number, case in enumerate(CASES)]


@st.composite
def reasoned(draw: Callable[..., Any], drafts: list[str], answer: str) -> list[str]:
    """Draw an answer after reasoning with drafts, in parts."""
    form = draw(st.sampled_from(FORMS))
    text = form.replace("{draft}", draw(st.sampled_from(drafts))).replace("{answer}", answer)
    return draw(cut(st.just(text)))


@pytest.mark.parametrize(("parser", "drafts", "answer", "value"), CASES, ids=IDS)
def test_a_draft_is_not_the_answer(
    parser: Runnable[Any, Any], drafts: list[str], answer: str, value: Any, call: Call
) -> None:
    """In every form of reasoning, at once and streamed in any parts."""

    @given(reasoned(drafts, answer))
    def law(parts: list[str]) -> None:
        assert call.invoke(parser, "".join(parts)) == value
        assert merge_chunks(call.transform(parser, parts), parser.merge) == value

    law()


@pytest.mark.parametrize("form", FORMS[:-1])
def test_structured_output_leaves_reasoning_out(form: str, call: Call) -> None:
    """By the parser of a model's structured output, too."""
    text = form.replace("{draft}", '{"score": 1}').replace("{answer}", '{"score": 9}')
    model = ScriptedChatModel([[*text]], cycle=True)
    chain = model.with_structured_output(Vote)
    assert call.invoke(chain, "hi") == Vote(score=9)
    assert call.stream(chain, "hi")[-1] == Vote(score=9)


OPEN = [
    "<think>{draft}",
    "<think>\n{draft}\nhm",
    "[THINK]{draft}",
    "<|channel|>analysis<|message|>{draft}",
]


@pytest.mark.parametrize("form", [*OPEN, "<think>{draft}</think>", "{draft}</think>\n"])
@pytest.mark.parametrize(("parser", "drafts", "_answer", "_value"), CASES, ids=IDS)
def test_reasoning_without_an_answer_is_an_error(
    parser: Runnable[Any, Any], drafts: list[str], _answer: str, _value: Any, form: str, call: Call
) -> None:
    """A model that was cut off while it reasoned has not answered."""
    text = form.replace("{draft}", drafts[0])
    for run in (lambda: call.invoke(parser, text), lambda: call.transform(parser, [*text])):
        with pytest.raises(OutputParserException) as caught:
            run()
        assert caught.value.llm_output == text


KEPT: list[tuple[Runnable[Any, Any], str, Any]] = [
    (
        JsonOutputParser(),
        '{"a": "<think>b</think>", "c": "</think>"}',
        {"a": "<think>b</think>", "c": "</think>"},
    ),
    (
        JsonOutputParser(),
        '["[THINK]", "◁/think▷", "assistantfinal"]',
        ["[THINK]", "◁/think▷", "assistantfinal"],
    ),
    (JsonOutputParser(), '{"a": 1}\nI closed the `</think>` tag.', {"a": 1}),
    (JsonOutputParser(), 'Without "<think>" tags: {"a": 1}', {"a": 1}),
    (JsonOutputParser(), "Write `<think>...</think>` around it: [1]", [1]),
    (
        NumberedListOutputParser(),
        "1. `<think>` opens\n2. '</think>' closes",
        ["`<think>` opens", "'</think>' closes"],
    ),
    (NumberedListOutputParser(), "1. <thinker> and <b>\n2. [thin", ["<thinker> and <b>", "[thin"]),
    (
        XMLOutputParser(["thinking", "answer"]),
        "<thinking>a</thinking><answer>b</answer>",
        {"thinking": "a", "answer": "b"},
    ),
    (
        XMLOutputParser(["reasoning"]),
        "<think>x</think><reasoning>a</reasoning>",
        {"reasoning": "a"},
    ),
    (
        XMLOutputParser(),
        "<r><thinking>a</thinking><b>c</b></r>",
        {"r": [{"thinking": "a"}, {"b": "c"}]},
    ),
    (XMLOutputParser(), "<r><![CDATA[</think>]]></r>", {"r": "</think>"}),
    (StrOutputParser(), "<think>a</think>b", "<think>a</think>b"),
]


@pytest.mark.parametrize(("parser", "text", "value"), KEPT, ids=[text for _, text, _ in KEPT])
def test_an_answer_may_speak_of_reasoning(
    parser: Runnable[Any, Any], text: str, value: Any, call: Call
) -> None:
    """Within strings and elements, in quotes, and in the parser of text; streamed in any parts."""

    @given(cut(st.just(text)))
    def law(parts: list[str]) -> None:
        assert call.invoke(parser, text) == value
        assert merge_chunks(call.transform(parser, parts), parser.merge) == value

    law()


def test_items_of_a_draft_are_taken_back(call: Call) -> None:
    """Where only its end tells that it was one, a reset drops what was emitted."""
    chunks = call.transform(NumberedListOutputParser(), ["1. a\n2. b\n", "</think>\n1. c"])
    assert chunks == [["a"], RESET, ["c"]]


class Words(BaseOutputParser[list[str]]):
    def parse(self, text: str) -> list[str]:
        return text.split()


def test_a_users_parser_gets_all_of_the_text(call: Call) -> None:
    """It may read the reasoning, or leave it out with `answer_text`."""
    assert call.invoke(Words(), "<think>a</think> b") == ["<think>a</think>", "b"]
    assert answer_text("<think>a</think> b") == " b"
    assert answer_text("<think>a") is None


@given(cut(st.text(alphabet="<>/think|[]THINK◁▷`\"' asitfl", max_size=40) | st.text()))
def test_text_is_filtered_alike_however_it_is_cut(parts: list[str]) -> None:
    """Tags and beginnings of tags across chunks."""

    def filtered(chunks: list[str]) -> str | None:
        answer, kept = AnswerText(), list[str]()
        for part in [*(part for chunk in chunks for part in answer.feed(chunk)), *answer.finish()]:
            kept = [] if isinstance(part, Reset) else [*kept, part]
        return None if answer.is_open else "".join(kept)

    assert filtered(parts) == filtered(["".join(parts)])


PARTS = [
    *("x", " ", "\n", "1. a", "- b", ":", '{"a": 1}', "[]", "[1", '"a"', "`", "'", "```\n", "\\"),
    *("<a>", "</a>", "<b/>", "<!--", "-->", "<think>", "</think>", "<|think|>", "<|end|>"),
    *("[BEGIN FINAL RESPONSE]", "[unused17]", "<unused94>", "<|im_end|>", "<answer>", "</answer>"),
]


@given(cut(st.lists(st.sampled_from(PARTS), max_size=12).map("".join)))
def test_any_text_with_tags_is_read_alike_however_it_is_cut(parts: list[str]) -> None:
    """By all parsers that leave reasoning out: the same values, and the same errors."""
    parsers: list[BaseOutputParser[Any]] = [JsonOutputParser(), PydanticOutputParser(list[Vote])]
    for parser in (*parsers, NumberedListOutputParser(), XMLOutputParser(), XMLOutputParser(["a"])):

        def streamed(parser: BaseOutputParser[Any] = parser) -> Any:
            return merge_chunks(parser.transform(iter(parts)), parser.merge)

        whole = outcome(lambda p=parser: p.invoke("".join(parts)))  # type: ignore[misc]
        assert outcome(streamed) == whole


def test_the_error_of_open_reasoning_says_so(call: Call) -> None:
    """So that its reader looks at the limit of tokens, and not at the JSON."""
    parsers = [JsonOutputParser(), NumberedListOutputParser(), DatetimeOutputParser("%Y")]
    for parser in parsers:
        with pytest.raises(OutputParserException, match="within the model's reasoning"):
            call.invoke(parser, "<think>hm")
