"""Writes gguf files, which llama.cpp loads.

The format is specified in docs/gguf.md of https://github.com/ggml-org/ggml (version 3). A file is

    "GGUF", version, number of tensors, number of metadata
    metadata:  key, type, value
    tensors:   name, number of dimensions, dimensions, type, offset of the numbers
    numbers:   of each tensor, each at a multiple of 32 bytes

with little-endian numbers, and strings as their length and UTF-8. Dimensions are written innermost
first, so in the opposite order of most libraries.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final, TypeAlias

Value: TypeAlias = bool | int | float | str | Sequence[str] | Sequence[int]
"""A value of the metadata: integers have 32 bits without a sign, in lists 32 bits with one; floats
have 32 bits."""

_VERSION: Final = 3
_ALIGNMENT: Final = 32

_UINT32: Final = 4
_INT32: Final = 5
_FLOAT32: Final = 6
_BOOL: Final = 7
_STRING: Final = 8
_ARRAY: Final = 9

_F32: Final = 0
_F16: Final = 1

_BLOCK: Final = 1 << 16
"""How many numbers are converted at once."""


@dataclass(frozen=True)
class Tensor:
    """A tensor to write.

    Attributes:
        name: its name in the file.
        shape: its dimensions, outermost first.
        read: returns the next so many bytes of its numbers, which are 32-bit little-endian floats;
            called in order, until all are read.
        half: whether its numbers are written as 16-bit floats.
    """

    name: str
    shape: tuple[int, ...]
    read: Callable[[int], bytes]
    half: bool

    @property
    def count(self) -> int:
        """Return how many numbers it has."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def size(self) -> int:
        """Return how many bytes its numbers take in the file."""
        return self.count * (2 if self.half else 4)


def write_gguf(file: IO[bytes], metadata: Mapping[str, Value], tensors: Sequence[Tensor]) -> None:
    """Write a gguf file. The same arguments always make the same bytes.

    Raises:
        ValueError: a tensor has fewer numbers than its shape says.
        OverflowError: a number does not fit into 16 bits.
    """
    head = bytearray(b"GGUF" + struct.pack("<IQQ", _VERSION, len(tensors), len(metadata)))
    for key, value in metadata.items():
        head += _string(key) + _typed(value)
    offset = 0
    for tensor in tensors:
        head += _describe(tensor, offset)
        offset = _aligned(offset + tensor.size)
    file.write(_padded(bytes(head)))
    for tensor in tensors:
        for block in _numbers(tensor):
            file.write(block)
        file.write(bytes(_aligned(tensor.size) - tensor.size))


def _describe(tensor: Tensor, offset: int) -> bytes:
    kind = _F16 if tensor.half else _F32
    dimensions = struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape))
    count = struct.pack("<I", len(tensor.shape))
    return _string(tensor.name) + count + dimensions + struct.pack("<IQ", kind, offset)


def _numbers(tensor: Tensor) -> Iterable[bytes]:
    """Yield the numbers of a tensor as they are written, block by block."""
    left = tensor.count
    while left:
        count = min(left, _BLOCK)
        block = tensor.read(4 * count)
        if len(block) != 4 * count:
            raise ValueError(f"The tensor {tensor.name} ends before its shape does.")
        if tensor.half:
            # `struct` rounds to the nearest number, and of two that are as near to the even one,
            # as other converters do. numpy would be faster, but it need not be there.
            block = struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", block))
        yield block
        left -= count


# -- values


def _typed(value: Value) -> bytes:
    """Return a value behind its type."""
    if isinstance(value, bool):  # before int, which it is, too
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _string(value)
    return struct.pack("<I", _ARRAY) + _items(value)


def _items(values: Sequence[str] | Sequence[int]) -> bytes:
    if all(isinstance(value, str) for value in values):
        head = struct.pack("<IQ", _STRING, len(values))
        return head + b"".join(_string(str(value)) for value in values)
    return struct.pack(f"<IQ{len(values)}i", _INT32, len(values), *values)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _padded(data: bytes) -> bytes:
    return data.ljust(_aligned(len(data)), b"\0")
