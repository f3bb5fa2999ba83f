"""The reasoning that open models write into the text of an answer, and the answer without it.

A service that knows its model sends the reasoning in blocks of their own, which parsers do not see.
Others leave it in the text:

    <think> ... </think>                          DeepSeek, Qwen, GLM; <thinking>, <reasoning>, ...
    ... </think>                                  the same, begun by the template of the prompt
    [THINK] ... [/THINK]                          Mistral
    ◁think▷ ... ◁/think▷                          Kimi
    <|START_THINKING|> ... <|END_THINKING|>       Cohere
    <|channel|>analysis<|message|> ... <|end|>    gpt-oss; the answer is <|channel|>final<|message|>
    <|inner_prefix|> ... <|inner_suffix|>         Apertus
    <unused94>thought ... <unused95>              MedGemma; [unused16] ... [unused17] of Pangu
    ... [BEGIN FINAL RESPONSE]                    Apriel

A tag counts in prose only: within a JSON string or an XML element it is part of the answer, and
right after a quote or a backtick it is mentioned, not used. A closing tag that nothing opened ends
reasoning that began with the text, so nothing before it is the answer. Where reasoning does not
end, the answer is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from runnables.engine.merging import RESET, Reset

_NAME: Final = (
    r"(?:ant|\w{1,16}[:_|])?(?:think(?:ing)?(?:_fast(?:er)?|_never_used_\w{1,40})?|reasoning|"
    r"thought(?:s|_process)?|reflection|scratch_?pad|monologue|chain[_-]of[_-]thought|cot)"
)
_CLOSING: Final = {
    "<|channel>": "<channel|>",
    "<|inner_prefix|>": "<|inner_suffix|>",
    "<unused94>": "<unused95>",
    "[unused16]": "[unused17]",
}
"""The closing tags that do not follow from the opening ones."""
_IN_BRACKETS: Final = (
    *("[THINK]", "[/THINK]", "[unused16]", "[unused17]"),
    *("[BEGIN FINAL RESPONSE]", "[END FINAL RESPONSE]"),
)
_CUT_IN_BRACKETS: Final = [
    re.escape(tag[:end]) for tag in _IN_BRACKETS for end in range(1, len(tag))
]
_FINAL_WITHOUT_TAGS: Final = "assistantfinal"  # from gpt-oss, by a server that drops its tags

TAG: Final = re.compile(
    rf"(?P<open><{_NAME}(?:\s[^<>/]{{0,80}})?>|\[THINK\]|◁think▷|<\|START_THINKING\|>"
    r"|<\|(?:begin_of_thought|think(?:ing)?|inner_prefix)\|>|<unused94>|\[unused16\]"
    r"|<\|channel>|<\|(?:channel|start)\|>)"
    rf"|(?P<close></{_NAME}\s?>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<\|end_of_thought\|>"
    r"|<\|/think(?:ing)?\|>|<\|inner_suffix\|>|<unused95>|\[unused17\]|\[BEGIN FINAL RESPONSE\]"
    rf"|<channel\|>|{_FINAL_WITHOUT_TAGS})"
    r"|(?P<marker><\|(?:end|return|call|message|(?:START|END)_RESPONSE)\|>"
    r"|<\|(?:im_end|eot_id|eom_id|endoftext|(?:begin|end)_of_solution)\|>|<end_of_turn>"
    r"|\[END FINAL RESPONSE\])",
    re.IGNORECASE,
)
"""The tags, to be matched where `TAG_START` is found: where reasoning opens; where it closes; and
markers of a model's format, which are no text."""

TAG_START: Final = rf"[<\[◁]|{_FINAL_WITHOUT_TAGS}"
"""The source of an expression for what tags begin with."""

_TAG_STARTS: Final = re.compile(TAG_START)
_QUOTES: Final = ("`", '"', "'")
_BEFORE_QUOTES: Final = " \t\n([{,:/-*_"
_CUT_TAG: Final = re.compile(
    r"<(?:/?[\w:|-]{0,64}(?:\s[^<>/]{0,80})?|\|/?\w{0,24}\|?)\Z|◁/?\w{0,5}\Z"
    rf"|(?:{'|'.join(_CUT_IN_BRACKETS)})\Z",
    re.IGNORECASE,
)
_CUT_WORDS: Final = tuple(
    _FINAL_WITHOUT_TAGS[:end] for end in range(len(_FINAL_WITHOUT_TAGS) - 1, 0, -1)
)
_MAY_HAVE_TAG: Final = re.compile(rf"[<\[◁`\"']|{_FINAL_WITHOUT_TAGS}|(?:{'|'.join(_CUT_WORDS)})\Z")
_LONGEST: Final = 128
"""Characters that a tag has at most."""

_HEADER_END: Final = re.compile(r"<\|message\|>")
_CHANNEL_END: Final = re.compile(r"<\|(?:end|return|call)\|>|(?=<\|(?:channel|start)\|>)")


def find_cut(text: str) -> int:
    """Return the index from which on text may be the beginning of a tag; else its length.

    A quote at the end counts: it tells that a tag behind it is only mentioned.
    """
    least = max(0, len(text) - _LONGEST)
    for letter in "<[◁":
        start = text.rfind(letter, least)
        if start >= 0 and _CUT_TAG.match(text, start):
            return max(0, start - 2) if text[:start].endswith(_QUOTES) else start
    if text.endswith(_QUOTES):
        return max(0, len(text) - 2)
    if text.endswith(_CUT_WORDS):
        return len(text) - next(len(word) for word in _CUT_WORDS if text.endswith(word))
    return len(text)


def ends_broken(text: str, start: int) -> bool:
    """Tell whether a tag begins there that ends broken JSON; `<reasoning>` may be a template's."""
    tag = TAG.match(text, start)
    return tag is not None and (tag.lastgroup == "close" or tag[0].startswith("<|"))


class Tags:
    """A reader of the tags in a string that comes in parts, which knows those that are mentioned.

    A tag is mentioned right after a quote that opens. Only the first of two tags need be next to
    a quote: "Write `<think>...</think>` around it."
    """

    def __init__(self) -> None:
        self._mentions_opening = False
        self._before = ""  # the last letter of the part before

    def read(self, text: str, start: int) -> re.Match[str] | None:
        """Return the tag that begins there; None where there is none, or it is only mentioned."""
        tag = TAG.match(text, start)
        if tag is None:
            return None
        if self.is_mention(text, start):
            self._mentions_opening = tag.lastgroup == "open"
            return None
        if tag.lastgroup == "close" and self._mentions_opening:
            self._mentions_opening = False
            return None
        return tag

    def is_mention(self, text: str, start: int) -> bool:
        """Tell whether what begins there is right after a quote that opens."""
        before = (self._before + text[max(0, start - 2) : start])[-2:]
        return before.endswith(_QUOTES) and (len(before) < 2 or before[0] in _BEFORE_QUOTES)

    def pass_on(self, text: str) -> None:
        """Note that a part of the text has no more tags, and is followed by another part."""
        self._before = text[-1:] or self._before

    def begin(self) -> None:
        """Note that the next part does not continue the last one."""
        self._before = ""


class ReasoningBlock:
    """A reader of reasoning, from behind its opening tag to its end.

    Args:
        opening: the opening tag.

    Attributes:
        is_answer: whether it turned out to be the header of the answer itself, with which the
            answer begins: gpt-oss writes the answer into a channel, as it does its reasoning.
    """

    def __init__(self, opening: str) -> None:
        self.is_answer = False
        self._held: str = ""
        self._in_header = opening.lower() in ("<|channel|>", "<|start|>")
        self._end = _HEADER_END if self._in_header else _end_of(opening)

    def feed(self, text: str) -> str | None:
        """Take the next part of the text; return what follows the end, None where it goes on."""
        text = f"{self._held}{text}"
        found = self._end.search(text)
        if found is None:
            self._held = text[-_LONGEST:]
            return None
        if not self._in_header:
            return text[found.end() :]
        self.is_answer = "final" in text[: found.start()].lower()
        if self.is_answer:
            return text[found.end() :]
        self._in_header, self._end, self._held = False, _CHANNEL_END, ""
        return self.feed(text[found.end() :])


def _end_of(opening: str) -> re.Pattern[str]:
    """Return the expression for the tag that ends what a tag opened."""
    if found := _CLOSING.get(opening.lower()):
        closing = re.escape(found)
    elif opening.lower().startswith("<|think"):
        closing = rf"<\|(?:/{opening[2:-2]}|end)\|>"
    elif opening.startswith("<|"):
        closing = re.escape(opening.lower().replace("start", "end").replace("begin", "end"))
    elif opening[0] == "<":
        closing = rf"</{re.escape(opening[1:-1].split()[0])}\s?>"
    else:
        closing = re.escape(f"{opening[0]}/{opening[1:]}")
    return re.compile(closing, re.IGNORECASE)


class AnswerText:
    """A filter of a model's text, in chunks, that passes on what is not reasoning.

    Where earlier text turns out to be reasoning, a `RESET` comes before the rest.

    Attributes:
        is_open: whether the text so far ends within reasoning.

    Example:
        >>> answer = AnswerText()
        >>> list(answer.feed("<think>1. re")), list(answer.feed("d?</think>1. blue"))
        ([], ['1. blue'])
    """

    def __init__(self) -> None:
        self._block: ReasoningBlock | None = None
        self._held = ""
        self._tags = Tags()

    @property
    def is_open(self) -> bool:
        """Tell whether the text so far ends within reasoning."""
        return self._block is not None

    def feed(self, text: str) -> Iterable[str | Reset]:
        """Take the next part of the text; return what is known to be no reasoning."""
        if self._held or self._block or _MAY_HAVE_TAG.search(text):
            return self._read(text, False)
        return (text,) if text else ()

    def finish(self) -> Iterable[str | Reset]:
        """End the text; return the rest."""
        return self._read("", True)

    def _read(self, text: str, last: bool) -> Iterable[str | Reset]:
        while True:
            if self._block is not None:
                rest = self._block.feed(text)
                if rest is None:
                    return
                if self._block.is_answer:
                    yield RESET
                self._block, text = None, rest
            text, self._held = self._held + text, ""
            tag = self._next_tag(text)
            if tag is None:
                cut = len(text) if last else find_cut(text)
                self._held = text[cut:]
                self._tags.pass_on(text[:cut])
                if cut:
                    yield text[:cut]
                return
            if tag.lastgroup == "close":
                yield RESET
            elif tag.start():
                yield text[: tag.start()]
            if tag.lastgroup == "open":
                self._block = ReasoningBlock(tag[0])
            self._tags.begin()
            text = text[tag.end() :]

    def _next_tag(self, text: str) -> re.Match[str] | None:
        tags = (self._tags.read(text, found.start()) for found in _TAG_STARTS.finditer(text))
        return next((tag for tag in tags if tag), None)


def answer_text(text: str) -> str | None:
    """Return a model's text without its reasoning; None where it ends within reasoning.

    Example:
        >>> answer_text("<think>Red? No.</think>blue")
        'blue'
    """
    answer, parts = AnswerText(), list[str]()
    for part in (*answer.feed(text), *answer.finish()):
        if isinstance(part, Reset):
            parts.clear()
        else:
            parts.append(part)
    return None if answer.is_open else "".join(parts)
