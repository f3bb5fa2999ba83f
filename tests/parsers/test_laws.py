"""What holds for every parser, every form of answer and every way to cut it."""

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
    FORMS,
    JSON_NOISE,
    LIST_NOISE,
    PERSONS,
    XML_NOISE,
    Colour,
    Person,
    cut,
    json_answers,
    outcome,
)


class Shout(BaseTransformOutputParser[str]):
    """A user's parser that parses every piece on its own."""

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
    (EnumOutputParser(enum=Colour), st.sampled_from(["red", " Dark Red.", "3", "", "blue"])),
    (DatetimeOutputParser(), DATES),
    (XMLOutputParser(), XML | XML_NOISE),
    (
        JsonOutputParser().with_repair(RunnableLambda(lambda _: '{"a": 1}', blocking=False)),
        json_answers(),
    ),
    (XMLOutputParser().with_repair(RunnableLambda(lambda _: "<a", blocking=False)), XML),
    (
        EnumOutputParser(Colour).with_repair(RunnableLambda(lambda _: "3", blocking=False)),
        st.text(max_size=3),
    ),
]
IDS = [repr(parser) for parser, _ in PARSERS]
FORM_IDS = [form.__name__ for form in FORMS]


@pytest.mark.parametrize("form", FORMS, ids=FORM_IDS)
@pytest.mark.parametrize(("parser", "texts"), PARSERS, ids=IDS)
def test_the_stream_adds_up_to_what_invoke_gives(
    parser: Runnable[Any, Any], texts: Any, form: Callable[[Sequence[str]], Any]
) -> None:
    """Law 1, for any cut of any text, errors and their texts included."""

    @given(cut(texts))
    def law(pieces: list[str]) -> None:
        chunks, whole = form(pieces)
        streamed = outcome(lambda: merge_chunks(parser.transform(iter(chunks)), parser.merge))
        assert streamed == outcome(lambda: parser.invoke(whole))

    law()


@pytest.mark.parametrize(("parser", "texts"), PARSERS, ids=IDS)
def test_both_colours_stream_the_same(parser: Runnable[Any, Any], texts: Any, call: Call) -> None:
    """Law 2: the chunks are those of the sync stream, one by one."""

    @given(cut(texts))
    def law(pieces: list[str]) -> None:
        expected = outcome(lambda: list(parser.transform(iter(pieces))))
        assert outcome(lambda: call.transform(parser, pieces)) == expected
        assert outcome(lambda: call.invoke(parser, "".join(pieces))) == outcome(
            lambda: parser.invoke("".join(pieces))
        )

    law()


SNAPSHOT_PARSERS = [(parser, texts) for parser, texts in PARSERS if parser.merge is SNAPSHOTS]


@pytest.mark.parametrize(
    ("parser", "texts"), SNAPSHOT_PARSERS, ids=[repr(parser) for parser, _ in SNAPSHOT_PARSERS]
)
def test_a_snapshot_does_not_change_afterwards(parser: Runnable[Any, Any], texts: Any) -> None:
    """Who keeps earlier pieces of a stream finds them as they were."""

    @given(cut(texts))
    def law(pieces: list[str]) -> None:
        kept: list[tuple[Any, str]] = []

        def consume() -> None:
            for piece in parser.transform(iter(pieces)):
                kept.append((piece, repr(piece)))

        outcome(consume)
        assert all(repr(piece) == was for piece, was in kept)

    law()


@pytest.mark.parametrize(("parser", "_texts"), PARSERS, ids=IDS)
def test_a_parser_is_a_value(parser: Runnable[Any, Any], _texts: Any) -> None:
    """Equal settings compare and hash equal, and pickle."""
    if isinstance(parser, Shout) or hasattr(parser, "model"):
        return  # of this file, or with a lambda inside
    parser.invoke("1") if isinstance(parser, StrOutputParser) else None
    again = pickle.loads(pickle.dumps(parser))
    assert again == parser
    assert hash(again) == hash(parser)
    assert repr(again) == repr(parser)


@pytest.mark.parametrize("wrong", [3, None, {"type": "text"}, [1, 2], ("a",)])
def test_what_is_no_text_is_the_callers_error(wrong: Any, call: Call) -> None:
    """A TypeError that names the parser and what it got, not a parser's error."""
    with pytest.raises(TypeError, match=r"JsonOutputParser reads text.* got "):
        call.invoke(JsonOutputParser(), wrong)
    with pytest.raises(TypeError, match=r"StrOutputParser reads text.* got "):
        call.transform(StrOutputParser(), [wrong])


def test_a_prompt_is_read_as_its_text() -> None:
    """Parsers stand behind prompts too, as models that echo do."""
    assert JsonOutputParser().invoke(StringPromptValue(text="[1]")) == [1]


def test_an_unknown_option_of_a_call_is_refused(call: Call) -> None:
    """Law 11, for the keywords of invoke and stream."""
    with pytest.raises(TypeError, match="StrOutputParser has no option 'strip'"):
        call.invoke(StrOutputParser(), "a", strip=True)
    with pytest.raises(TypeError, match="JsonOutputParser has no option 'partial'"):
        call.stream(JsonOutputParser(), "1", partial=True)


@pytest.mark.parametrize(
    "parser", [it for it, _ in PARSERS if not isinstance(it, StrOutputParser | Shout)]
)
def test_format_instructions_are_one_clear_request(parser: Any) -> None:
    """Each parser tells the model what it reads."""
    assert parser.get_format_instructions().startswith("Answer with ")


def test_a_parser_with_nothing_to_ask_for_says_so() -> None:
    """Text is text: there is no format."""
    with pytest.raises(NotImplementedError, match="StrOutputParser has no format instructions"):
        StrOutputParser().get_format_instructions()
