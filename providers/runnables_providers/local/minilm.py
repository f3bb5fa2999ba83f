"""Makes the gguf file of all-MiniLM-L6-v2 from the files that its packages hold.

Its numbers come from `model.safetensors`: the length of a header, the header in JSON with the type,
shape and place of each tensor, and the numbers (https://github.com/huggingface/safetensors). Its
tokens come from `tokenizer.json`. The names and keys on the other side are those under which
llama.cpp knows models of the kind "bert".
"""

from __future__ import annotations

import json
import struct
from typing import IO, TYPE_CHECKING, Any, Final

from runnables.errors import WeightsError
from runnables_providers.local.gguf import Tensor, Value, write_gguf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TENSORS: Final = "model.safetensors"
"""The name of the file with the numbers."""

TOKENIZER: Final = "tokenizer.json"
"""The name of the file with the tokens."""

_HEADS: Final = 12
_EPSILON: Final = 1e-12

_MEAN: Final = 1
"""What llama.cpp calls the mean over the tokens."""

_NORMAL: Final = 1
_CONTROL: Final = 3
"""The types of tokens: a part of a string, and one that stands for no text."""

_NAMES: Final[Mapping[str, str]] = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
_LAYER_NAMES: Final[Mapping[str, str]] = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}

_FULL: Final = frozenset({"position_embd.weight", "token_types.weight"})
"""Matrices that are added as they are, for which llama.cpp wants 32 bits; vectors, too."""

_WORD_START: Final = "\N{LOWER ONE EIGHTH BLOCK}"
"""What a token begins with that begins a word. In the tokenizer, all others begin with "##"."""


def convert_minilm(folder: Path, target: Path) -> None:
    """Write the gguf file of the model whose files are in a folder; takes about two seconds.

    Raises:
        WeightsError: the files are not those of such a model.
    """
    tokenizer = json.loads((folder / TOKENIZER).read_bytes())
    with (folder / TENSORS).open("rb") as source, target.open("xb") as file:
        try:
            infos, start = _header(source)
            tensors = [
                _tensor(source, start, infos[theirs], ours)
                for theirs, ours in _renamed(infos).items()
            ]
            write_gguf(file, {**_shape(infos), **_tokens(tokenizer)}, tensors)
        except (KeyError, ValueError, OverflowError, struct.error) as error:
            raise WeightsError(
                f"The files in {folder} are not those of all-MiniLM-L6-v2: {error!r}"
            ) from error


# -- tensors


def _header(source: IO[bytes]) -> tuple[dict[str, Any], int]:
    """Return the descriptions of the tensors, and where the numbers begin."""
    (length,) = struct.unpack("<Q", source.read(8))
    return json.loads(source.read(length)), 8 + length


def _renamed(infos: Mapping[str, Any]) -> dict[str, str]:
    """Return their names of tensors and ours, in our order."""
    names = {f"{theirs}.{kind}": f"{ours}.{kind}"
             for theirs, ours in _NAMES.items() for kind in ("weight", "bias")}  # fmt: skip
    for layer in range(_layers(infos)):
        for theirs, ours in _LAYER_NAMES.items():
            for kind in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{theirs}.{kind}"] = f"blk.{layer}.{ours}.{kind}"
    return {theirs: ours for theirs, ours in names.items() if theirs in infos}


def _layers(infos: Mapping[str, Any]) -> int:
    return len([name for name in infos if name.endswith(".output.dense.weight")]) // 2


def _tensor(source: IO[bytes], start: int, info: Mapping[str, Any], name: str) -> Tensor:
    if info["dtype"] != "F32":
        raise ValueError(f"{name} has numbers of the type {info['dtype']}")
    shape = tuple(info["shape"])
    begin, end = info["data_offsets"]
    place = start + begin

    def read(size: int) -> bytes:
        nonlocal place
        source.seek(place)
        block = source.read(min(size, start + end - place))
        place += len(block)
        return block

    return Tensor(name, shape, read, half=len(shape) == 2 and name not in _FULL)


# -- metadata


def _shape(infos: Mapping[str, Any]) -> dict[str, Value]:
    positions, width = infos["embeddings.position_embeddings.weight"]["shape"]
    return {
        "general.architecture": "bert",
        "general.name": "all-MiniLM-L6-v2",
        "general.license": "apache-2.0",
        "general.file_type": 1,  # mostly 16-bit floats
        "bert.context_length": positions,
        "bert.embedding_length": width,
        "bert.block_count": _layers(infos),
        "bert.feed_forward_length": infos["encoder.layer.0.intermediate.dense.bias"]["shape"][0],
        "bert.attention.head_count": _HEADS,
        "bert.attention.layer_norm_epsilon": _EPSILON,
        "bert.attention.causal": False,
        "bert.pooling_type": _MEAN,
        "tokenizer.ggml.token_type_count": infos["embeddings.token_type_embeddings.weight"][
            "shape"
        ][0],
    }


def _tokens(tokenizer: Mapping[str, Any]) -> dict[str, Value]:
    numbers: Mapping[str, int] = tokenizer["model"]["vocab"]
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    tokens = sorted(numbers, key=lambda token: numbers[token])
    return {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.tokens": _respelled(tokens, special),
        "tokenizer.ggml.token_type": [_CONTROL if t in special else _NORMAL for t in tokens],
        "tokenizer.ggml.padding_token_id": numbers["[PAD]"],
        "tokenizer.ggml.unknown_token_id": numbers["[UNK]"],
        "tokenizer.ggml.cls_token_id": numbers["[CLS]"],
        "tokenizer.ggml.bos_token_id": numbers["[CLS]"],
        "tokenizer.ggml.seperator_token_id": numbers["[SEP]"],  # llama.cpp spells it so
        "tokenizer.ggml.mask_token_id": numbers["[MASK]"],
    }


def _respelled(tokens: Sequence[str], special: set[str]) -> list[str]:
    """Return the tokens with their beginning of words marked, in place of all others."""
    return [
        token
        if token in special
        else token[2:]
        if token.startswith("##")
        else f"{_WORD_START}{token}"
        for token in tokens
    ]
