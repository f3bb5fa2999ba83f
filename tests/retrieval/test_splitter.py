"""The splitter: laws over all texts, and what it does at the borders."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import ConfigError, Document, RecursiveCharacterTextSplitter, RunnableLambda
from runnables.retrieval.graphemes import is_boundary
from tests.both_modes import Call

_SPACES = [" ", "  ", "\n", "\n\n", "\n# ", "\n## ", "\r\n", "\t", "\u3000"]
_WORDS = ["a", "word", "longerword", ". ", "! ", "。", "、", "日本", "|"]
_JOINED = [
    "e\u0301",
    "\U0001f468\u200d\U0001f469",
    "\U0001f1e9\U0001f1ea",
    "\u1100\u1161",
    "\ud83d",
]
PARTS = st.sampled_from([*_SPACES, *_WORDS, *_JOINED])
TEXTS = st.lists(PARTS | st.text(max_size=4), max_size=80).map("".join)


def words(text: str) -> int:
    """A length that is no count of characters."""
    return len(text.split())


def utf8(text: str) -> int:
    """Another one, of which a single character may be longer than a chunk."""
    return len(text.encode("utf-8", "surrogatepass"))


@st.composite
def splitters(draw: st.DrawFn) -> RecursiveCharacterTextSplitter:
    """Draw a splitter that keeps its separators."""
    size = draw(st.integers(1, 40))
    return RecursiveCharacterTextSplitter(
        chunk_size=size,
        chunk_overlap=draw(st.integers(0, size - 1)),
        separators=draw(st.none() | st.just(["\n\n", "|", " ", ""]) | st.just([])),
        keep_separator=draw(st.sampled_from([True, "start", "end"])),
        length_function=draw(st.sampled_from([len, words, utf8])),
        strip_whitespace=draw(st.booleans()),
    )


def spans(splitter: RecursiveCharacterTextSplitter, text: str) -> list[tuple[int, int]]:
    chunks = splitter.invoke(text)
    return [(chunk.metadata["start"], chunk.metadata["end"]) for chunk in chunks]


@given(splitters(), TEXTS)
def test_offsets_lead_to_the_chunk(splitter: RecursiveCharacterTextSplitter, text: str) -> None:
    """`text[start:end]` is the chunk, which is never empty; `split_text` returns the same."""
    chunks = splitter.invoke(text)
    for chunk in chunks:
        assert text[chunk.metadata["start"] : chunk.metadata["end"]] == chunk.page_content != ""
    assert [chunk.page_content for chunk in chunks] == splitter.split_text(text)


@given(splitters(), TEXTS)
def test_every_visible_character_is_in_a_chunk(
    splitter: RecursiveCharacterTextSplitter, text: str
) -> None:
    """What lies between chunks is whitespace; nothing, where it is not stripped."""
    covered = {index for start, end in spans(splitter, text) for index in range(start, end)}
    missed = "".join(text[index] for index in range(len(text)) if index not in covered)
    assert missed.strip() == ""
    assert missed == "" or splitter.strip_whitespace


@given(splitters(), TEXTS)
def test_no_chunk_is_too_long(splitter: RecursiveCharacterTextSplitter, text: str) -> None:
    """But a single character may be, as the length is measured."""
    for chunk in splitter.split_text(text):
        assert splitter.length_function(chunk) <= splitter.chunk_size or len(chunk) == 1


@given(splitters(), TEXTS)
def test_chunks_move_on(splitter: RecursiveCharacterTextSplitter, text: str) -> None:
    """They come in order, begin and end later than the one before, and repeat no more than asked.

    With strip, each has a visible character that the one before had not.
    """
    found = spans(splitter, text)
    for (start, end), (next_start, next_end) in itertools.pairwise(found):
        assert start < next_start < next_end
        assert end < next_end
        assert splitter.length_function(text[next_start:end]) <= splitter.chunk_overlap or (
            next_start >= end
        )
        if splitter.strip_whitespace:
            assert text[max(end, next_start) : next_end].strip() != ""


@given(splitters(), TEXTS)
def test_a_chunk_is_not_split_again(splitter: RecursiveCharacterTextSplitter, text: str) -> None:
    """Splitting twice is splitting once, offsets included."""
    chunks = splitter.invoke(text)
    assert splitter.invoke(chunks) == chunks


@given(splitters(), TEXTS)
def test_a_visible_character_stays_whole(
    splitter: RecursiveCharacterTextSplitter, text: str
) -> None:
    """Unless it is longer than a chunk."""
    for start, end in spans(splitter, text):
        for cut in (start, end):
            if not is_boundary(text, cut):
                low = next(i for i in range(cut, -1, -1) if is_boundary(text, i))
                high = next(i for i in range(cut, len(text) + 1) if is_boundary(text, i))
                assert splitter.length_function(text[low:high]) > splitter.chunk_size


@given(TEXTS, st.integers(1, 20), st.data())
def test_a_separator_that_is_dropped_is_all_that_is_lost(
    text: str, size: int, data: st.DataObject
) -> None:
    """With `keep_separator=False`, what lies between chunks is whitespace or one separator."""
    splitter = RecursiveCharacterTextSplitter(
        ["|"],
        keep_separator=False,
        chunk_size=size,
        chunk_overlap=data.draw(st.integers(0, size - 1)),
    )
    found = [(0, 0), *spans(splitter, text)]
    for (_, end), (start, _) in itertools.pairwise(found):
        assert text[end:start].strip() in ("", "|")
    assert text[found[-1][1] :].strip() in ("", "|")


@given(st.lists(TEXTS, max_size=4), splitters())
@settings(max_examples=30)
def test_many_documents_are_split_one_by_one(
    texts: list[str], splitter: RecursiveCharacterTextSplitter
) -> None:
    """The chunks of a list are those of each; all methods agree."""
    metadatas = [{"number": number} for number in range(len(texts))]
    pairs = zip(texts, metadatas, strict=True)
    documents = [Document(text, metadata=metadata) for text, metadata in pairs]
    expected = [chunk for document in documents for chunk in splitter.invoke(document)]
    assert splitter.invoke(documents) == expected
    assert splitter.split_documents(iter(documents)) == expected
    assert splitter.transform_documents(documents) == expected
    assert splitter.create_documents(texts, metadatas) == expected
    assert [chunk.metadata["number"] for chunk in expected] == sorted(
        chunk.metadata["number"] for chunk in expected
    )


def test_equal_words_move_on() -> None:
    """Chunks of 40 equal words have 40 different offsets, not those of the first word."""
    splitter = RecursiveCharacterTextSplitter(chunk_size=10, chunk_overlap=5)
    found = spans(splitter, " ".join(["same"] * 40))
    assert [start for start, _ in found] == list(range(0, 195, 5))


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("# One\ntext\n# Two\ntext", 18, ["# One\ntext", "# Two\ntext"]),
        ("one two six\n\nthree four\nfive", 20, ["one two six", "three four\nfive"]),
        ("It is. It was. It will be.", 15, ["It is. It was.", "It will be."]),
        ("今日は晴れ。明日は雨。", 8, ["今日は晴れ。", "明日は雨。"]),
        ("unbreakable", 4, ["unbr", "eaka", "ble"]),
        ("ae\u0301ae\u0301", 2, ["a", "e\u0301", "a", "e\u0301"]),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 3,
         ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"]),
        ("", 4, []),
        (" \n\t ", 4, []),
    ],
    ids=["headings", "paragraphs", "sentences", "Japanese", "a long word", "accents", "flags",
         "empty", "blank"],
)  # fmt: skip
def test_the_best_place_is_taken(text: str, size: int, expected: list[str]) -> None:
    """Headings, then paragraphs, lines, sentences, words; then between visible characters."""
    assert RecursiveCharacterTextSplitter(chunk_size=size).split_text(text) == expected


def test_an_overlap_begins_with_a_word() -> None:
    """Where no word is short enough, nothing is repeated."""
    text = "one two three four five unbelievable six"
    splitter = RecursiveCharacterTextSplitter(chunk_size=15, chunk_overlap=6)
    chunks = splitter.split_text(text)
    starts = {0, *(place + 1 for place, letter in enumerate(text) if letter == " ")}
    assert {start for start, _ in spans(splitter, text)} <= starts
    assert chunks[:2] == ["one two three", "three four five"]


def test_an_overlap_prefers_a_sentence() -> None:
    """It begins with a sentence, where one begins in the half that keeps most of the overlap."""
    text = "First one here. Then a second one. And now a third."
    splitter = RecursiveCharacterTextSplitter(chunk_size=36, chunk_overlap=22)
    assert splitter.split_text(text) == [
        "First one here. Then a second one.",
        "Then a second one. And now a third.",
    ]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("start", ["one", "|two", "|three"]),
        (True, ["one", "|two", "|three"]),
        ("end", ["one|", "two|", "three"]),
        (False, ["one", "two", "three"]),
    ],
)
def test_a_separator_goes_where_it_shall(keep: Any, expected: list[str]) -> None:
    """To the next chunk, to the one before, or nowhere."""
    splitter = RecursiveCharacterTextSplitter(["|"], keep, chunk_size=6)
    assert splitter.split_text("one|two|three") == expected


def test_separators_may_be_expressions() -> None:
    """A regular expression finds what a string cannot."""
    splitter = RecursiveCharacterTextSplitter([r"\d+\) "], is_separator_regex=True, chunk_size=12)
    assert splitter.split_text("1) north 2) south 10) east") == ["1) north", "2) south", "10) east"]


def test_metadata_is_kept_and_belongs_to_the_chunk() -> None:
    """`start_index` is LangChain's name of `start`; chunks share no metadata with the document."""
    document = Document("one two", metadata={"source": "log"}, id="7")
    splitter = RecursiveCharacterTextSplitter(chunk_size=4, add_start_index=True)
    first, second = splitter.invoke(document)
    assert second.metadata == {"source": "log", "start": 4, "end": 7, "start_index": 4}
    assert (first.id, second.id) == (None, None)
    first.metadata["source"] = "other"
    assert document.metadata == {"source": "log"}


def test_chunks_of_chunks_keep_offsets_into_the_first_text() -> None:
    """Metadata that is called `start` by chance is no offset."""
    text = "one two three four five six"
    large = RecursiveCharacterTextSplitter(chunk_size=14).invoke(text)
    for chunk in RecursiveCharacterTextSplitter(chunk_size=6).invoke(large):
        assert text[chunk.metadata["start"] : chunk.metadata["end"]] == chunk.page_content
    page = Document("one two", metadata={"start": 3, "end": 99})
    assert RecursiveCharacterTextSplitter(chunk_size=4).invoke(page)[0].metadata["start"] == 0


def test_it_is_a_step(call: Call) -> None:
    """It takes documents in a pipe, splits each row of a batch, and streams its list."""
    splitter = RecursiveCharacterTextSplitter(chunk_size=4)
    chain = RunnableLambda(lambda text: [Document(text)]) | splitter | len
    assert call.invoke(chain, "one two") == 2
    assert call.batch(splitter, ["one", "two three"]) == [
        splitter.invoke("one"),
        splitter.invoke("two three"),
    ]
    assert call.stream(splitter, "one two") == [splitter.invoke("one two")]


def test_it_is_a_value() -> None:
    """It compares, pickles, and prints as the code that makes it."""
    splitter = RecursiveCharacterTextSplitter(["\n"], chunk_size=50)
    assert pickle.loads(pickle.dumps(splitter)) == splitter
    assert splitter != RecursiveCharacterTextSplitter(chunk_size=50)
    assert repr(splitter) == "RecursiveCharacterTextSplitter(separators=['\\n'], chunk_size=50)"
    assert repr(RecursiveCharacterTextSplitter()) == "RecursiveCharacterTextSplitter()"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chunk_size": 0}, "chunk_size=0: expected a whole number, 1 or more"),
        ({"chunk_size": "9"}, "chunk_size='9'"),
        ({"chunk_size": True}, "chunk_size=True"),
        ({"chunk_size": 2.5}, "chunk_size=2.5"),
        ({"chunk_overlap": -1}, "chunk_overlap=-1: expected a whole number, 0 or more"),
        ({"chunk_size": 50, "chunk_overlap": 50}, "Try 5"),
        ({"separators": "\n"}, "expected a list of strings"),
        ({"separators": [3]}, "expected a list of strings"),
        ({"separators": ["("], "is_separator_regex": True}, "not a regular expression"),
        ({"keep_separator": "middle"}, "keep_separator='middle'"),
        ({"length_function": 3}, "length_function=3"),
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else "",
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    """Before any text is split; the error names the setting."""
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        RecursiveCharacterTextSplitter(**settings)


@pytest.mark.parametrize("given", [3, None, {"text": "a"}, b"a", ["a", 3]])
def test_something_else_than_texts_is_refused(call: Call, given: Any) -> None:
    """The error names what was given, and what is taken."""
    with pytest.raises(TypeError, match="takes a string, a Document, or a list of them, not"):
        call.invoke(RecursiveCharacterTextSplitter(), given)


def test_other_mistakes_are_errors() -> None:
    """A wrong number of metadatas, a text that is none, a length that is none."""
    splitter = RecursiveCharacterTextSplitter()
    with pytest.raises(ConfigError, match="2 texts and 1 metadatas"):
        splitter.create_documents(["a", "b"], [{}])
    with pytest.raises(TypeError, match="splits strings, not 3"):
        splitter.split_text(3)  # type: ignore[arg-type]
    nothing: Callable[[str], Any] = lambda text: None  # noqa: E731
    with pytest.raises(TypeError, match="returned None: expected the length"):
        RecursiveCharacterTextSplitter(length_function=nothing).split_text("a")


class Counted:
    """A length that counts the characters that it has looked at."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, text: str) -> int:
        self.seen += len(text)
        return len(text) // 3


@pytest.mark.parametrize(
    "text", ["x" * 40_000, "some words " * 4_000, " " * 40_000 + "x"], ids=["x", "words", "blank"]
)
def test_the_work_is_linear(text: str) -> None:
    """A text of twice the length is measured twice as much, not four times."""
    looked: list[int] = []
    for part in (text, text + text):
        length = Counted()
        RecursiveCharacterTextSplitter(
            chunk_size=100, chunk_overlap=20, length_function=length
        ).split_text(part)
        looked.append(length.seen)
    assert looked[1] < 3 * looked[0] + 5_000


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("e\u0301", [1]),
        ("\r\n", [1]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", [1, 2, 3, 4]),
        ("\U0001f44d\U0001f3fd", [1]),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", [1, 3]),
        ("\ud83d\ude00", [1]),
        ("\u1112\u1161\u11ab", [1, 2]),
        ("\ud55c\u1161", []),
        ("\ud558\u11ab", [1]),
        ("❤\ufe0f", [1]),
        ("\n\u0301", []),
        ("ab", []),
        ("\u0928\u093f", [1]),
    ],
    ids=["accent", "CRLF", "family", "skin", "flags", "surrogates", "letters", "closed syllable",
         "open syllable", "heart", "mark on a line of its own", "ASCII", "Devanagari"],
)  # fmt: skip
def test_what_a_reader_sees_as_one_character(text: str, whole: list[int]) -> None:
    """The places within it are no boundaries, and all others are."""
    inside = [place for place in range(len(text) + 1) if not is_boundary(text, place)]
    assert inside == whole
