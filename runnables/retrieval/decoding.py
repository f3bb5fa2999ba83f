"""The bytes of a file as text: by its byte order mark, what an HTML page declares, or UTF-8."""

from __future__ import annotations

import codecs
import re
from typing import Final

from runnables.errors import ConfigError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_DECLARED_XML: Final = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_LOOKED_AT: Final = 4096
"""How many bytes of a page are searched for a declaration, and of a file for a zero byte."""
_AS_BROWSERS_DO: Final = {
    **dict.fromkeys(("ascii", "iso8859-1"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    **dict.fromkeys(("utf-16", "utf-16-le", "utf-16-be"), "utf-8"),  # it could not be read as that
}
"""What a declared encoding means in practice, by the name that Python has for the declared one."""
_CONTROLS: Final = {0xDC00 + byte: byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
"""The bytes without a meaning in cp1252, as `surrogateescape` has them: control characters."""


def check_encoding(encoding: str | None) -> None:
    """Refuse an encoding that Python does not know.

    Raises:
        ConfigError: there is no such encoding, or it is none of text.
    """
    try:
        if encoding is not None:
            b" ".decode(encoding, "ignore")  # no bytes would be decoded by anything
    except (LookupError, TypeError, ValueError) as error:
        raise ConfigError(
            f"encoding={encoding!r}: {error}. Python's page on `codecs` lists the encodings."
        ) from None


def decoded(data: bytes, encoding: str | None = None, *, is_html: bool = False) -> str:
    """Return bytes as text, with `\\n` for each line break.

    Args:
        data: the whole file.
        encoding: its encoding; None finds it out. A byte order mark counts more.
        is_html: whether it may declare its encoding.

    Raises:
        ValueError: it is no text, or not of this encoding; says why.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    declared = _declared(data) if is_html and not marked and not encoding else None
    chosen = marked or encoding or declared or "utf-8"
    wide = codecs.lookup(chosen).name.startswith(("utf-16", "utf-32"))
    if not wide and b"\0" in data[:_LOOKED_AT]:
        raise ValueError("it has zero bytes, so it is a binary file, and no text")
    try:
        if declared == "cp1252":  # as browsers read such a page, each byte is a character
            text = data.decode(declared, "surrogateescape").translate(_CONTROLS)
        else:
            text = data.decode(chosen)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it is not {chosen}: byte 0x{data[error.start]:02x} at {error.start}"
            if error.start < len(data)
            else f"it is not {chosen}: {error.reason}"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _declared(data: bytes) -> str | None:
    """Return the encoding that a page declares; None where it declares none that is known."""
    head = data[:_LOOKED_AT]
    found = _DECLARED.search(head) or _DECLARED_XML.search(head)
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1].decode("ascii", "replace")).name
        b" ".decode(name, "ignore")
    except LookupError:
        return None
    return _AS_BROWSERS_DO.get(name, name)
