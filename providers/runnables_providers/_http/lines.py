"""Buffers of limited size for bytes that come in chunks: a whole body, or lines."""

from __future__ import annotations

from typing import Final

from runnables.errors import InvalidRequestError

MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest number of bytes in one line, or in a decompressed body that is not streamed. Answers
have fewer: an image in base64 has a few million."""


class BoundedBody:
    """Body of a response, collected from chunks.

    Args:
        provider: the provider, for the error.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            InvalidRequestError: the body has more than 64 MB. A retry would get as many.
        """
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_BYTES:
            raise InvalidRequestError(
                f"{self._provider}: the answer has more than {MAX_BYTES:,} bytes, so the "
                "connection was closed. Ask for less in one request.",
                provider=self._provider,
            )

    def join(self) -> bytes:
        """Return all bytes."""
        return b"".join(self._chunks)


class LineSplitter:
    """Splitter of bytes at LF, CR LF and CR. The time is linear in the bytes, however they come.

    A line is returned as soon as it is complete: after a CR, it does not wait for a possible LF.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the lines that they complete, without line ends.

        Raises:
            ValueError: a line has no end within 64 MB.
        """
        if b"\r" in data or self._after_cr:
            data = self._with_lf(data)
        head, end, tail = data.rpartition(b"\n")
        if not end:
            self._keep(data)
            return []
        if self._rest:
            head = b"".join((*self._rest, head))
            self._rest.clear()
            self._size = 0
        if tail:
            self._keep(tail)
        return head.split(b"\n")

    def rest(self) -> bytes:
        """Return what came after the last line end."""
        return b"".join(self._rest)

    def _with_lf(self, data: bytes) -> bytes:
        """Replace each line end by LF."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if data.endswith(b"\r"):
            self._after_cr = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, data: bytes) -> None:
        self._rest.append(data)
        self._size += len(data)
        if self._size > MAX_BYTES:
            raise ValueError(f"a line of more than {MAX_BYTES:,} bytes")
