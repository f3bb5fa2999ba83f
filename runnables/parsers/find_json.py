"""A search for the JSON in a model's text, which often has more than JSON.

Every value is found that stands in prose or in a fenced block of JSON; a number, a word or a string
only where it is the whole text or the whole block. `choose_json.py` tells which one is the answer.
Fenced blocks of other languages are skipped, and so is reasoning (see `reasoning.py`).

A brace in prose is no JSON: `{about travel}`, `{{name}}`, `\\frac{a}{b}`. What begins as JSON does,
and then is not, is skipped to its end, so that a part of it is never taken for the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from runnables.messages.partial_json import JsonError, JsonReader
from runnables.parsers.choose_json import Wanted, choose, content_of
from runnables.parsers.json_candidates import BLANK, Candidate, Surroundings, is_only_bracket
from runnables.parsers.reasoning import (
    TAG,
    TAG_START,
    ReasoningBlock,
    Tags,
    ends_broken,
    find_cut,
)

_MARK: Final = re.compile(rf"`{{1,20}}|{{|{TAG_START}")
_IN_BROKEN: Final = re.compile(rf"`{{3,20}}|\\.|[\"\n{{}}\]]|{TAG_START}")
_CUT_MARK: Final = re.compile(r"(?:\\|`{1,19})\Z")
_LABEL: Final = re.compile(r"[ \t]*([A-Za-z][\w+-]*)?")
_IN_BLOCK: Final = re.compile(rf"`{{3,20}}|{TAG_START}")
_JSON_LABELS: Final = frozenset({"json", "json5", "jsonc", "jsonl", "ndjson", "javascript", "js"})
_SCALAR_STARTS: Final = frozenset('"-0123456789tfnNI')
_DEPTHS: Final = {"{": 1, "[": 1, "}": -1, "]": -1}
_NAME_IN_OBJECT: Final = re.compile(r"(?:'[^'\n]{0,80}'|[\w$-]{1,80})\s*:|/[/*]")
_CUT_NAME: Final = re.compile(r"(?:'[^'\n]{0,80}'?\s*|[\w$-]{1,80}\s*|/)\Z")


class JsonExtractor:
    """A reader of a model's text, in chunks, that finds the JSON value in it.

    The modules `runnables.parsers.find_json` and `choose_json` describe where it looks for values,
    and which one it takes.

    Args:
        wanted: what was asked for; None where it may be any value.

    Attributes:
        reader: the reader of the value, or of what looks like one; None until something does.
        version: changes with everything that a snapshot would show; None where there is nothing
            to show yet.

    Example:
        >>> extractor = JsonExtractor()
        >>> extractor.feed('Here it is: {"sea": "Bal')
        >>> extractor.reader.snapshot()
        {'sea': 'Bal'}
        >>> extractor.feed('tic"} Anything else?')
        >>> extractor.finish()
        {'sea': 'Baltic'}
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        self.reader: JsonReader | None = None
        self._wanted = wanted
        self._found: list[Candidate] = []
        self._candidate: Candidate | None = None  # the one that is being read
        self._shown = 0  # how many candidates have been the reader's
        self._judged = 0  # how many of those found are known not to be the answer
        self._stage: Callable[[str], str] = self._begin
        self._held = ""
        self._ended = False
        self._in_fence = False
        self._is_labelled = False  # as JSON, the fenced block
        self._block: ReasoningBlock | None = None
        self._tags = Tags()
        self._around = Surroundings()
        self._depth = 0  # of the brackets that are open in a value that is no JSON
        self._in_string = False  # there

    @property
    def version(self) -> tuple[int, int] | None:
        """Return a value that differs whenever a snapshot would; None where there is none yet."""
        reader = self.reader
        if reader is None or not reader._changes or is_only_bracket(reader):
            return None
        return self._shown, reader._changes

    def feed(self, text: str) -> None:
        """Take the next part of the text; errors wait for `finish`, since the value may follow."""
        while text:
            stage, text = self._stage, self._stage(text)
            if stage != self._stage:
                self._tags.begin()

    def finish(self) -> Any:
        """Return the value, at the end of the text.

        Raises:
            JsonError: there is no value, it is not JSON, or it is not complete; or there are
                several, and nothing tells which one is the answer.
        """
        if not self._ended:
            self._ended = True
            self.feed(self._take_held(""))
            self._end_candidate()
        if self._block:
            raise JsonError("it ends within the model's reasoning")
        value, chosen = choose(self._found, self._wanted)
        if chosen is None or chosen.reader is not self.reader:
            self.reader = None
        return value

    # The stages. Each takes the text that comes next and returns what is left for the next one.

    def _begin(self, text: str) -> str:
        """Read the beginning of the text, or of a fenced block."""
        text = text.lstrip(BLANK)
        if text:
            self._stage = self._prose
            if text[0] in _SCALAR_STARTS:
                self._open("")
            elif self._in_fence and not self._is_labelled and text[0] not in "{[":
                self._stage = self._skip_block
        return text

    def _prose(self, text: str) -> str:
        """Read prose, up to something that may be the value."""
        text = self._take_held(text)
        end = len(text) if self._ended else find_cut(text)
        for mark in _MARK.finditer(text):
            start, letter = mark.start(), mark[0][0]
            if start >= end:
                break
            if letter == "`":
                if mark.end() == len(text) and len(mark[0]) < 20 and not self._ended:
                    end = start
                elif len(mark[0]) >= 3:
                    self._around.add(text[:start])
                    self._toggle_fence()
                    return text[mark.end() :]
            elif letter != "{" and (tag := self._tags.read(text, start)):
                self._around.add(text[:start])
                return self._skip_tag(tag, text[tag.end() :])
            elif letter in "{[":
                self._around.add(text[:start])
                self._open(letter)
                return text[start:]
        self._around.add(text[:end])
        self._tags.pass_on(text[:end])
        self._held = text[end:]
        return ""

    def _reasoning(self, text: str) -> str:
        """Skip reasoning."""
        assert self._block
        rest = self._block.feed(text)
        if rest is None:
            return ""
        if self._block.is_answer:
            return self._restart(rest)
        self._block = None
        self._around.separate()
        self._stage = self._begin if self._around.is_blank else self._prose
        return rest

    def _label(self, text: str) -> str:
        """Read the label of a fenced block."""
        text = self._take_held(text)
        found = _LABEL.match(text)
        end = found.end() if found else 0
        if end == len(text) and not self._ended:
            self._held = text
            return ""
        label = found[1].lower() if found and found[1] else None
        self._is_labelled = label in _JSON_LABELS
        self._stage = self._begin if self._is_labelled or label is None else self._skip_block
        return text[end:]

    def _skip_block(self, text: str) -> str:
        """Skip the rest of a fenced block that has no JSON."""
        text = self._take_held(text)
        end = self._end_of(text)
        for mark in _IN_BLOCK.finditer(text):
            if mark.start() >= end:
                break
            if mark[0][0] == "`":
                self._toggle_fence()
                return text[mark.end() :]
            tag = self._tags.read(text, mark.start())
            if tag and tag.lastgroup == "close":
                return self._restart(text[tag.end() :])
        self._tags.pass_on(text[:end])
        self._held = text[end:]
        return ""

    def _read(self, text: str) -> str:
        """Read what looks like a value."""
        candidate = self._candidate
        assert candidate
        try:
            rest = candidate.reader.feed(text)
        except JsonError as error:
            return self._fail(candidate, error)
        if candidate.reader._done:
            if candidate.opening:
                self._add(candidate)
            else:
                self._stage = self._after_scalar
        return rest

    def _after_scalar(self, text: str) -> str:
        """Read on after a number, word or string: it is the value only if nothing else follows."""
        text = self._take_held(text).lstrip(BLANK)
        if not text:
            return ""
        candidate = self._candidate
        assert candidate
        tag = TAG.match(text)
        if text[0] == "`" or (tag and tag.lastgroup != "close"):
            self._add(candidate)
        elif not self._ended and find_cut(text) == 0:
            self._held = text
            return ""
        elif self._in_fence:
            expected = JsonError(f"expected the end of the block, found {text[:20]!r}")
            self._add(candidate, expected)
        else:
            self._drop(candidate)
        return text

    def _judge(self, text: str) -> str:
        """Tell a brace in prose from an object whose keys have no quotes."""
        text = self._take_held(text)
        candidate = self._candidate
        assert candidate
        if text[0] == "'" if candidate.opening == "[" else _NAME_IN_OBJECT.match(text):
            self._skip_value(candidate, candidate.error)
        elif not self._ended and _CUT_NAME.match(text):
            self._held = text
            return ""
        else:
            self._drop(candidate)
        return text

    def _broken(self, text: str) -> str:
        """Skip the rest of a value that is no JSON, to its end."""
        text = self._take_held(text)
        end = self._end_of(text)
        for mark in _IN_BROKEN.finditer(text):
            if mark.start() >= end:
                break
            end = max(end, mark.end())
            if mark[0] == '"':
                self._in_string = not self._in_string
            elif mark[0] == "\n":
                self._in_string = False
            elif self._in_string:
                continue
            elif mark[0][0] == "`" or ends_broken(text, mark.start()):
                self._stage = self._prose
                return text[mark.start() :]
            elif mark[0] in _DEPTHS:
                self._depth += _DEPTHS[mark[0]]
                if self._depth <= 0:
                    self._stage = self._prose
                    return text[mark.end() :]
        self._held = text[end:]
        return ""

    # What the stages do.

    def _take_held(self, text: str) -> str:
        held, self._held = self._held, ""
        return held + text

    def _end_of(self, text: str) -> int:
        """Return the index from which on text may be the beginning of a mark; else its length."""
        if self._ended:
            return len(text)
        cut, found = find_cut(text), _CUT_MARK.search(text, max(0, len(text) - 20))
        return min(cut, found.start()) if found else cut

    def _skip_tag(self, tag: re.Match[str], rest: str) -> str:
        self._tags.begin()
        if tag.lastgroup == "close":
            return self._restart(rest)
        if tag.lastgroup == "open":
            self._block, self._stage = ReasoningBlock(tag[0]), self._reasoning
        elif self._around.is_blank:
            self._stage = self._begin
        return rest

    def _restart(self, rest: str) -> str:
        """Begin again, as all so far was reasoning."""
        self._found, self._judged = [], 0
        self.reader = self._candidate = self._block = None
        self._in_fence = False
        self._around = Surroundings()
        self._stage = self._begin
        return rest

    def _toggle_fence(self) -> None:
        self._around.add("\n")
        self._around.separate()
        self._in_fence = not self._in_fence
        self._stage = self._label if self._in_fence else self._prose

    def _open(self, opening: str) -> None:
        """Begin to read a value."""
        candidate = self._candidate = self._around.candidate(opening, self._in_fence)
        self._stage = self._read
        if candidate.is_announced and not self._has_answer():
            self.reader = candidate.reader
            self._shown += 1

    def _has_answer(self) -> bool:
        """Tell whether one of the values so far seems to be the answer: no later one is shown."""
        while self._judged < len(self._found):
            known = self._found[self._judged]
            if known.error is None and known.is_plausible and content_of(known.value) == 2:
                if self._wanted is None or self._wanted.fits(known.value):
                    return True
            self._judged += 1
        return False

    def _add(self, candidate: Candidate, error: JsonError | None = None) -> None:
        """Add a value to those found, or what looked like one."""
        candidate.error = error
        self._candidate, self._stage = None, self._prose
        self._found.append(candidate)
        self._around.end_candidate(candidate)
        if error and self.reader is candidate.reader:
            self.reader = None

    def _drop(self, candidate: Candidate) -> None:
        """Take what looked like a value for prose; it is an error only if there is no value."""
        self._candidate, self._stage = None, self._prose
        if candidate.error and candidate.is_announced and candidate.reader.snapshot():
            candidate.is_announced = False
            self._found.append(candidate)
        self._around.add(".")
        if self.reader is candidate.reader:
            self.reader = None

    def _fail(self, candidate: Candidate, error: JsonError) -> str:
        rest, error.rest = error.rest, error.rest[:1]  # else each error would keep all of the text
        error.__traceback__ = None
        if candidate.is_substantial or (self._in_fence and self._is_labelled):
            self._skip_value(candidate, error)
        elif candidate.opening:
            candidate.error, self._stage = error, self._judge
        elif self._in_fence:
            self._drop(candidate)
            self._stage = self._skip_block
        else:
            self._drop(candidate)
        return rest

    def _skip_value(self, candidate: Candidate, error: JsonError | None) -> None:
        self._add(candidate, error)
        reader = candidate.reader
        self._depth = max(1, len(reader._stack))
        self._in_string = reader._step == reader._read_string
        self._stage = self._broken

    def _end_candidate(self) -> None:
        """Add the value that the text ends in."""
        candidate = self._candidate
        if candidate is None:
            return
        try:
            candidate.reader.finish()
        except JsonError as error:
            if candidate.opening or candidate.in_fence or candidate.reader._in_string:
                candidate.is_announced = candidate.is_substantial
                self._add(candidate, error)
            return
        self._add(candidate)


def parse_json_markdown(text: str) -> Any:
    """Return the JSON value in a model's text; the part that is there, where the text is cut off.

    Raises:
        ValueError: there is no JSON, or it is malformed.

    Example:
        >>> parse_json_markdown('Sure: {"seas": ["Baltic", "North')
        {'seas': ['Baltic', 'North']}
    """
    extractor = JsonExtractor()
    extractor.feed(text)
    if extractor.version and extractor.reader and extractor.reader._stack:
        return extractor.reader.snapshot()
    return extractor.finish()
