"""Laws of parsers: for every parser, every type of output and every way to cut it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import Runnable, RunnableLambda
from runnables.engine.merging import SNAPSHOTS, merge_chunks
from runnables.messages import StringPromptValue
from runnables.parsers import (
    BaseTransformOutputParser,
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
from tests.both_modes import Call
from tests.parsers.answers import (
    JSON_NOISE,
    LIST_NOISE,
    OUTPUTS,
    PERSONS,
    XML_NOISE,
    Paint,
    Person,
    cut,
    json_answers,
    outcome,
)


class Shout(BaseTransformOutputParser[str]):
    """A user's parser that parses every chunk on its own."""

    def parse(self, text: str) -> str:
        return text.upper()


XML = st.sampled_from(
    [
        "<a><b>one</b> and <c/>two</a>",
        'As <you> like:\n```xml\n<?xml version="1.0"?>\n<a x="1">é &lt; 3</a>\n```',
        "<list>\n  <item>1</item>\n  <item>\n  </item>\n</list> trailing < text & more",
        "<a><b></a>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    ]
)
DATES = st.sampled_from(["2024-02-29T23:59:59.1Z", " 2024-02-29T23:59:59.1Z\n", "today"])

PARSERS: list[tuple[Runnable[Any, Any], Any]] = [
    (StrOutputParser(), st.text()),
    (Shout(), st.text(alphabet="abc é\n")),
    (JsonOutputParser(), json_answers() | JSON_NOISE),
    (PydanticOutputParser(pydantic_object=Person), json_answers(PERSONS) | JSON_NOISE),
    (PydanticOutputParser(dict[str, list[int]]), json_answers() | JSON_NOISE),
    (CommaSeparatedListOutputParser(), LIST_NOISE),
    (NumberedListOutputParser(), LIST_NOISE),
    (MarkdownListOutputParser(), LIST_NOISE),
    (EnumOutputParser(enum=Paint), st.sampled_from(["red", " Dark Red.", "3", "", "blue"])),
    (DatetimeOutputParser(), DATES),
    (XMLOutputParser(), XML | XML_NOISE),
    (
        JsonOutputParser().with_repair(RunnableLambda(lambda _: '{"a": 1}', blocking=False)),
        json_answers(),
    ),
    (XMLOutputParser().with_repair(RunnableLambda(lambda _: "<a", blocking=False)), XML),
    (
        EnumOutputParser(Paint).with_repair(RunnableLambda(lambda _: "3", blocking=False)),
        st.text(max_size=3),
    ),
]
IDS = [repr(parser) for parser, _ in PARSERS]
OUTPUT_IDS = [output.__name__ for output in OUTPUTS]


@pytest.mark.parametrize("output", OUTPUTS, ids=OUTPUT_IDS)
@pytest.mark.parametrize(("parser", "strings"), PARSERS, ids=IDS)
def test_the_stream_adds_up_to_what_invoke_gives(
    parser: Runnable[Any, Any], strings: Any, output: Callable[[Sequence[str]], Any]
) -> None:
    """Law 1, for any cut of any string, with errors and their `llm_output`."""

    @given(cut(strings))
    def law(parts: list[str]) -> None:
        chunks, whole = output(parts)
        streamed = outcome(lambda: merge_chunks(parser.transform(iter(chunks)), parser.merge))
        assert streamed == outcome(lambda: parser.invoke(whole))

    law()


@pytest.mark.parametrize(("parser", "strings"), PARSERS, ids=IDS)
def test_the_async_stream_has_the_chunks_of_the_sync_one(
    parser: Runnable[Any, Any], strings: Any, call: Call
) -> None:
    """Law 2, chunk by chunk."""

    @given(cut(strings))
    def law(parts: list[str]) -> None:
        expected = outcome(lambda: list(parser.transform(iter(parts))))
        assert outcome(lambda: call.transform(parser, parts)) == expected
        assert outcome(lambda: call.invoke(parser, "".join(parts))) == outcome(
            lambda: parser.invoke("".join(parts))
        )

    law()


SNAPSHOT_PARSERS = [(parser, strings) for parser, strings in PARSERS if parser.merge is SNAPSHOTS]


@pytest.mark.parametrize(
    ("parser", "strings"), SNAPSHOT_PARSERS, ids=[repr(parser) for parser, _ in SNAPSHOT_PARSERS]
)
def test_a_snapshot_does_not_change_afterwards(parser: Runnable[Any, Any], strings: Any) -> None:
    """A consumer that keeps earlier chunks of a stream finds them as they were."""

    @given(cut(strings))
    def law(parts: list[str]) -> None:
        kept: list[tuple[Any, str]] = []

        def consume() -> None:
            for chunk in parser.transform(iter(parts)):
                kept.append((chunk, repr(chunk)))

        outcome(consume)
        assert all(repr(chunk) == was for chunk, was in kept)

    law()


@pytest.mark.parametrize(("parser", "_strings"), PARSERS, ids=IDS)
def test_a_parser_is_a_value(parser: Runnable[Any, Any], _strings: Any) -> None:
    """Parsers with the same settings compare and hash equal, and pickle."""
    if isinstance(parser, Shout) or hasattr(parser, "model"):
        return  # of this file, or with a lambda inside
    parser.invoke("1") if isinstance(parser, StrOutputParser) else None
    again = pickle.loads(pickle.dumps(parser))
    assert again == parser
    assert hash(again) == hash(parser)
    assert repr(again) == repr(parser)


@pytest.mark.parametrize("wrong", [3, None, {"type": "text"}, [1, 2], ("a",)])
def test_an_input_without_text_is_the_callers_error(wrong: Any, call: Call) -> None:
    """A TypeError that names the parser and what it got, not a parser's error."""
    with pytest.raises(TypeError, match=r"JsonOutputParser reads text.* got "):
        call.invoke(JsonOutputParser(), wrong)
    with pytest.raises(TypeError, match=r"StrOutputParser reads text.* got "):
        call.transform(StrOutputParser(), [wrong])


def test_a_prompt_is_read_as_its_text() -> None:
    """Parsers may follow a prompt directly, without a model."""
    assert JsonOutputParser().invoke(StringPromptValue(text="[1]")) == [1]


def test_an_unknown_option_of_a_call_is_refused(call: Call) -> None:
    """Law 11, for the keywords of invoke and stream."""
    with pytest.raises(TypeError, match="StrOutputParser has no option 'strip'"):
        call.invoke(StrOutputParser(), "a", strip=True)
    with pytest.raises(TypeError, match="JsonOutputParser has no option 'partial'"):
        call.stream(JsonOutputParser(), "1", partial=True)


@pytest.mark.parametrize(
    "parser", [parser for parser, _ in PARSERS if not isinstance(parser, StrOutputParser | Shout)]
)
def test_format_instructions_are_one_clear_request(parser: Any) -> None:
    """Each parser asks the model for what it reads."""
    assert parser.get_format_instructions().startswith("Answer with ")


def test_a_parser_with_nothing_to_ask_for_says_so() -> None:
    """Any text is the text: there is no format."""
    with pytest.raises(NotImplementedError, match="StrOutputParser has no format instructions"):
        StrOutputParser().get_format_instructions()
