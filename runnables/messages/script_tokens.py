"""How many tokens the characters of a string take, by their scripts.

Models read tokens: strings that are frequent in what they were trained on. In English prose a
token has about four characters; in other scripts it has fewer, down to less than one. The figures
lie between those of older and newer tokenizers, nearer to the older ones: an estimate that is too
low overflows the model's context, one that is too high wastes some of it.
"""

from __future__ import annotations

import re
from typing import Final

_CODE: Final = ((0.5, '{}[]()<>=+*/\\|&^%$#@~`_;"'), (0.4, "0123456789"))
"""The characters that are frequent in code and data, with the tokens that each takes."""

_SCRIPTS: Final = (
    # Chinese, Japanese, Korean, with their punctuation and full-width forms
    (1.0, "\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"),
    (1.0, "\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"),
    # letters of Europe: with accents, Greek, Cyrillic, Armenian
    (0.4, "\u0080-\u058f\u1e00-\u1fff"),
    # Hebrew, Arabic, Syriac
    (0.6, "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe"),
    # India, Thailand, Tibet, Georgia, Ethiopia and others
    (0.8, "\u0900-\u10ff\u1200-\u1dff\ua000-\ua95f\ua980-\uabff"),
    # emoji and other pictures, of which each byte may be a token
    (2.0, "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"),
)  # fmt: skip
_OTHER: Final = 1.0
"""The tokens of any other character that is not ASCII."""


def text_tokens(text: str, chars_per_token: float = 4.0) -> float:
    """Return about how many tokens a string takes; the estimates of parts add up.

    Args:
        text: the string.
        chars_per_token: the characters of English prose that make a token.
    """
    least = 1 / chars_per_token
    tokens, left = 0.0, len(text)
    for per_character, characters in _CODE:
        count = sum(map(text.count, characters))
        tokens += count * max(per_character, least)
        left -= count
    if text.isascii():
        return tokens + left * least
    prose = len(text.encode("ascii", "ignore")) - (len(text) - left)
    left -= prose
    for per_character, characters in _SCRIPTS:
        count = sum(map(len, re.findall(f"[{characters}]+", text)))
        tokens += count * max(per_character, least)
        left -= count
    return tokens + prose * least + left * max(_OTHER, least)
