"""From bytes, however they were cut, to lines or one whole; both have a largest size."""

from __future__ import annotations

from typing import Final

from runnables.errors import InvalidRequestError

LONGEST: Final = 64 * 1024 * 1024
"""Bytes in one line, or in an answer that is not streamed, unpacked, at most: more than any answer
has (a picture in base64 has a few million)."""


class Whole:
    """The body of an answer, which comes in pieces.

    Args:
        provider: who is asked, for the error.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Take bytes.

        Raises:
            InvalidRequestError: they are more than 64 MB together; sent again, they would be, too.
        """
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > LONGEST:
            raise InvalidRequestError(
                f"{self._provider}: the answer has more than {LONGEST:,} bytes, and was left. "
                "Ask for less at once.",
                provider=self._provider,
            )

    def join(self) -> bytes:
        """All of them."""
        return b"".join(self._pieces)


class Lines:
    """Cuts bytes at LF, CR LF and CR. The time is linear in the bytes, however small the pieces.

    A line that came is given at once: at a CR, nobody waits for the LF that may follow.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Take bytes; the lines that they complete, without their ends.

        Raises:
            ValueError: a line that has no end within 64 MB.
        """
        if b"\r" in piece or self._after_cr:
            piece = self._plain(piece)
        head, end, tail = piece.rpartition(b"\n")
        if not end:
            self._keep(piece)
            return []
        if self._rest:
            head = b"".join((*self._rest, head))
            self._rest.clear()
            self._size = 0
        if tail:
            self._keep(tail)
        return head.split(b"\n")

    def rest(self) -> bytes:
        """What came after the last end of a line."""
        return b"".join(self._rest)

    def _plain(self, piece: bytes) -> bytes:
        """With LF at the end of every line."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        if piece.endswith(b"\r"):
            self._after_cr = True
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, piece: bytes) -> None:
        self._rest.append(piece)
        self._size += len(piece)
        if self._size > LONGEST:
            raise ValueError(f"a line of more than {LONGEST:,} bytes")
