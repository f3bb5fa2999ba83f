"""The splitter: documents or a string in, documents of a limited length out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from runnables.compose.non_blocking import NonBlockingStep
from runnables.core.foreign import from_foreign, is_foreign
from runnables.core.not_here import NotHere
from runnables.core.options import refuse_options
from runnables.core.signatures import checks_keywords
from runnables.core.values import show, show_settings
from runnables.errors import ConfigError
from runnables.retrieval.cutting import Cutter
from runnables.retrieval.documents import Document
from runnables.retrieval.separators import levels_of

if TYPE_CHECKING:
    from runnables.retrieval.separators import KeepSeparator

Splittable: TypeAlias = str | Document | Iterable[Document | str]
"""What a splitter takes: a string, a document, or several of them."""


_BY_LENGTH: Final = "Pass length_function=, which returns the number of tokens of a string."


class RecursiveCharacterTextSplitter(NonBlockingStep[Splittable, list[Document]], internal=True):
    """A runnable that splits documents at the best places: headings, paragraphs, lines, sentences.

    It takes a document, several, or a string, and returns the chunks of all in order. A chunk has
    the metadata of its document, and `start` and `end`: `text[start:end]` is the chunk. A chunk
    that is split again keeps offsets into the first text. All visible characters are in a chunk.

    Its defaults differ from LangChain's, which are 4,000 characters with an overlap of 200, and
    know no headings and sentences. No chunk is ever longer than `chunk_size`: where no separator
    is near, a word is cut, but no visible character of several code points.

    Args:
        separators: where to split, the best first, in place of Markdown headings, paragraphs,
            lines, sentences and words.
        chunk_size: the length of a chunk at most. A single character that is longer, as
            `length_function` sees it, is a chunk by itself.
        chunk_overlap: how much of the end of a chunk the next one repeats at most. It begins at a
            separator.
        length_function: returns the length of a string, such as a number of tokens; it grows with
            the string.
        keep_separator: which chunk has a separator: the next one ("start", True), the one before
            ("end"), or none (False). Of the default separators, the punctuation ends a chunk.
        is_separator_regex: whether the separators are regular expressions.
        add_start_index: whether the metadata has `start_index` as well, LangChain's name of
            `start`.
        strip_whitespace: whether whitespace at both ends of a chunk is left out.
        name: its name in events and error notes; by default that of the class.

    Raises:
        ConfigError: a size that is no positive number, an overlap that is not smaller than it,
            a separator that is no string, or no regular expression where it should be one.
        TypeError: when run, something else than strings and documents.

    Example:
        >>> splitter = RecursiveCharacterTextSplitter(chunk_size=20)
        >>> for chunk in splitter.invoke("# Sea\\nIt is calm.\\n# Land\\nIt is dry."):
        ...     print(chunk)
        page_content='# Sea\\nIt is calm.' metadata={'start': 0, 'end': 17}
        page_content='# Land\\nIt is dry.' metadata={'start': 18, 'end': 35}
    """

    @checks_keywords
    def __init__(
        self,
        separators: Sequence[str] | None = None,
        keep_separator: KeepSeparator = True,
        is_separator_regex: bool = False,
        *,
        chunk_size: int = 1000,
        chunk_overlap: int = 0,
        length_function: Callable[[str], int] = len,
        add_start_index: bool = False,
        strip_whitespace: bool = True,
        name: str | None = None,
    ) -> None:
        self.separators = _checked_separators(separators)
        self.keep_separator: KeepSeparator = _checked_keep(keep_separator)
        self.is_separator_regex = is_separator_regex
        self.chunk_size = _checked_size("chunk_size", chunk_size, 1)
        self.chunk_overlap = _checked_size("chunk_overlap", chunk_overlap, 0)
        self.length_function = length_function
        self.add_start_index = add_start_index
        self.strip_whitespace = strip_whitespace
        self.name = name
        if chunk_overlap >= chunk_size:
            raise ConfigError(
                f"chunk_overlap={chunk_overlap} is not smaller than chunk_size={chunk_size}, so "
                f"no chunk would have space for anything new. Try {chunk_size // 10}."
            )
        if not callable(cast("object", length_function)):
            raise ConfigError(f"length_function={length_function!r}: expected a function")
        self._levels()

    def __repr__(self) -> str:
        changed = {
            name: value for name, value in self._settings().items() if value != _DEFAULTS[name]
        }
        return f"{type(self).__name__}({show_settings(changed)})"

    if not TYPE_CHECKING:  # a checker refuses such names by itself
        from_tiktoken_encoder = NotHere(_BY_LENGTH)
        from_huggingface_tokenizer = NotHere(_BY_LENGTH)
        from_language = NotHere("Pass separators=, the best first.")

    # -- strings and documents

    def split_text(self, text: str) -> list[str]:
        """Return the chunks of a string, as strings.

        Args:
            text: the string.

        Example:
            >>> RecursiveCharacterTextSplitter(chunk_size=9).split_text("The sea is calm.")
            ['The sea', 'is calm.']
        """
        return [text[start:end] for start, end in self._spans(text)]

    def split_documents(self, documents: Iterable[Document]) -> list[Document]:
        """Return the chunks of documents, in order. It is `invoke`, without events.

        Args:
            documents: the documents; any iterable.

        Example:
            >>> splitter = RecursiveCharacterTextSplitter(chunk_size=9)
            >>> len(splitter.split_documents([Document("The sea is calm."), Document("Land!")]))
            3
        """
        return self._apply(documents)

    def transform_documents(self, documents: Iterable[Document], **kwargs: Any) -> list[Document]:
        """Do what `split_documents` does, under the name of LangChain's transformers.

        Args:
            documents: the documents.
            **kwargs: ignored, as there.
        """
        return self._apply(documents)

    def create_documents(
        self, texts: Iterable[str], metadatas: Iterable[Mapping[str, Any]] | None = None
    ) -> list[Document]:
        """Return the chunks of strings, in order.

        Args:
            texts: the strings.
            metadatas: the metadata of each string, as many as there are strings.

        Raises:
            ConfigError: there are more of one than of the other, or a string in place of a list.

        Example:
            >>> splitter = RecursiveCharacterTextSplitter()
            >>> splitter.create_documents(["Calm."], metadatas=[{"source": "log"}])
            [Document(metadata={'source': 'log', 'start': 0, 'end': 5}, page_content='Calm.')]
        """
        if isinstance(texts, str):
            raise ConfigError("create_documents: expected a list of strings, got a string: [text].")
        texts = list(texts)
        known: list[Mapping[str, Any]] = [{}] * len(texts) if metadatas is None else list(metadatas)
        if len(known) != len(texts):
            raise ConfigError(
                f"create_documents: there are {len(texts)} texts and {len(known)} metadatas. Pass "
                "one for each text; an empty one is {}."
            )
        pairs = zip(texts, known, strict=True)
        return self._apply([Document(text, metadata=metadata) for text, metadata in pairs])

    # -- a step

    def _apply(self, input: Any, **kwargs: Any) -> list[Document]:
        refuse_options(self, kwargs)
        return [chunk for document in _documents(input) for chunk in self._chunks(document)]

    def _chunks(self, document: Document) -> Iterator[Document]:
        """Yield the chunks of one document."""
        text, metadata = document.page_content, document.metadata
        first = _offset(document)
        for start, end in self._spans(text):
            offsets = {"start": first + start, "end": first + end}
            if self.add_start_index:
                offsets["start_index"] = offsets["start"]
            yield Document(text[start:end], metadata={**metadata, **offsets})

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        if not isinstance(cast("object", text), str):
            raise TypeError(f"{self.get_name()} splits strings, not {text!r}")
        measure = self.length_function if self.length_function is len else self._length
        size, overlap = self.chunk_size, self.chunk_overlap
        return Cutter(text, size, overlap, measure, self._levels(), self.strip_whitespace).spans()

    def _length(self, text: str) -> int:
        length: Any = self.length_function(text)
        if not isinstance(length, (int, float)):
            raise TypeError(
                f"length_function={show(self.length_function)} returned {length!r}: expected the "
                "length of the string, a number"
            )
        return cast("int", length)

    def _levels(self) -> Any:
        separators = None if self.separators is None else tuple(self.separators)
        return levels_of(separators, self.keep_separator, self.is_separator_regex)


_DEFAULTS: Mapping[str, Any] = {
    "separators": None,
    "keep_separator": True,
    "is_separator_regex": False,
    "chunk_size": 1000,
    "chunk_overlap": 0,
    "length_function": len,
    "add_start_index": False,
    "strip_whitespace": True,
    "name": None,
}


def _documents(given: Any) -> Iterator[Document]:
    """Yield the documents of an input."""
    is_many = hasattr(given, "__iter__") and not _is_one(given)
    many: Iterable[Any] = given if is_many else (given,)
    for each in many:
        yield _document(each)


def _is_one(given: Any) -> bool:
    """Tell whether what can be iterated over is one input all the same."""
    return isinstance(given, (str, Document, Mapping, bytes)) or is_foreign(given)


def _document(given: Any) -> Document:
    given = from_foreign(given)  # LangChain's documents become ours
    if isinstance(given, Document):
        return given
    if isinstance(given, str):
        return Document(given)
    raise TypeError(
        f"A splitter takes a string, a Document, or a list of them, not {given!r} "
        f"(of type {type(given).__name__})."
    )


def _offset(document: Document) -> int:
    """Return where the text of a document begins in that which it is a chunk of; else 0."""
    start, end = document.metadata.get("start"), document.metadata.get("end")
    if isinstance(start, int) and isinstance(end, int):
        return start if end - start == len(document.page_content) else 0
    return 0


def _checked_separators(separators: Any) -> list[str] | None:
    if separators is None:
        return None
    if isinstance(separators, int):
        raise ConfigError(f"separators={separators}: a size goes by name: chunk_size={separators}")
    given: list[Any] = list(separators) if hasattr(separators, "__iter__") else [separators]
    if isinstance(separators, str) or not all(isinstance(each, str) for each in given):
        raise ConfigError(
            f"separators={separators!r}: expected a list of strings, the best separator first"
        )
    return given


def _checked_keep(keep: Any) -> KeepSeparator:
    if keep not in (True, False, "start", "end"):
        raise ConfigError(f"keep_separator={keep!r}: expected True, False, 'start' or 'end'")
    return cast("KeepSeparator", keep)


def _checked_size(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}={value!r}: expected a whole number, {least} or more")
    return value
