"""Reads gguf files, to check what was written, and to compute with it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SCALARS: Final = {4: "I", 5: "i", 6: "f", 7: "?"}


@dataclass
class GgufFile:
    """What a file has.

    Attributes:
        metadata: the values by their keys.
        tensors: the shapes (outermost first), and the numbers, by name.
    """

    metadata: dict[str, Any]
    tensors: dict[str, tuple[tuple[int, ...], bytes, str]]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return value

    def string(self) -> str:
        length = self.take("Q")
        self.place += length
        return self.data[self.place - length : self.place].decode()

    def value(self, kind: int) -> Any:
        if kind == 8:
            return self.string()
        if kind == 9:
            item, count = self.take("I"), self.take("Q")
            return [self.value(item) for _ in range(count)]
        return self.take(_SCALARS[kind])


def read_gguf(path: Path) -> GgufFile:
    """Read a file of version 3 with tensors of 16-bit and 32-bit floats."""
    reader = _Reader(path.read_bytes())
    assert reader.data[:4] == b"GGUF"
    reader.place = 4
    assert reader.take("I") == 3
    tensors, values = reader.take("Q"), reader.take("Q")
    metadata = {reader.string(): reader.value(reader.take("I")) for _ in range(values)}
    infos = []
    for _ in range(tensors):
        name = reader.string()
        shape = tuple(reader.take("Q") for _ in range(reader.take("I")))[::-1]
        infos.append((name, shape, "fe"[reader.take("I")], reader.take("Q")))
    start = -(-reader.place // 32) * 32
    assert not any(reader.data[reader.place : start])
    found = {}
    for name, shape, form, offset in infos:
        assert offset % 32 == 0
        count = 1
        for size in shape:
            count *= size
        end = start + offset + struct.calcsize(f"<{count}{form}")
        found[name] = (shape, reader.data[start + offset : end], form)
    return GgufFile(metadata, found)
