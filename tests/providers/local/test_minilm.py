"""The gguf file that is made of a BERT model's own files: small made-up ones."""

from __future__ import annotations

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.errors import WeightsError
from runnables_providers.local.gguf import Tensor, write_gguf
from runnables_providers.local.minilm import TENSORS, TOKENIZER, convert_minilm
from tests.providers.local.gguf_file import read_gguf

WIDTH, INNER, POSITIONS, LAYERS = 4, 6, 5, 2
VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "##s": 6, "cat": 5}


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the tensors of a small model, as BERT names them."""
    found: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
        "pooler.dense.weight": (WIDTH, WIDTH),
    }
    layer = {
        "attention.self.query": (WIDTH, WIDTH),
        "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH),
        "attention.output.dense": (WIDTH, WIDTH),
        "attention.output.LayerNorm": (WIDTH,),
        "intermediate.dense": (INNER, WIDTH),
        "output.dense": (WIDTH, INNER),
        "output.LayerNorm": (WIDTH,),
    }
    for number in range(LAYERS):
        for name, shape in layer.items():
            found[f"encoder.layer.{number}.{name}.weight"] = shape
            found[f"encoder.layer.{number}.{name}.bias"] = shape[:1]
    return found


def write_model(folder: Path, *, dtype: str = "F32", without: str = "", cut: int = 0) -> None:
    """Write the two files of a small model whose numbers count up."""
    infos: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in shapes().items():
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        begin = len(data)
        data += struct.pack(f"<{count}f", *(begin / 4 + index / 4 for index in range(count)))
        if name != without:
            infos[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, len(data)]}
    header = json.dumps(infos).encode()
    folder.mkdir(parents=True, exist_ok=True)
    whole = struct.pack("<Q", len(header)) + header + data
    (folder / TENSORS).write_bytes(whole[: len(whole) - cut])
    added = [{"content": token, "special": True} for token in VOCABULARY if token[0] == "["]
    tokenizer = {"model": {"vocab": VOCABULARY}, "added_tokens": added}
    (folder / TOKENIZER).write_text(json.dumps(tokenizer))


def test_the_tensors_have_the_names_and_shapes_that_llama_cpp_knows(tmp_path: Path) -> None:
    """Each number is where it was; matrices have 16 bits, vectors and what is added has 32."""
    write_model(tmp_path)
    convert_minilm(tmp_path, tmp_path / "made.gguf")
    made = read_gguf(tmp_path / "made.gguf").tensors
    assert len(made) == 5 + 16 * LAYERS
    assert {name for name in made if name.startswith("blk.1.")} == {
        f"blk.1.{part}.{kind}"
        for part in (
            *("attn_q", "attn_k", "attn_v", "attn_output", "attn_output_norm"),
            *("ffn_up", "ffn_down", "layer_output_norm"),
        )
        for kind in ("weight", "bias")
    }
    assert {name: form for name, (_, _, form) in made.items() if name[0] != "b"} == {
        "token_embd.weight": "e",
        "position_embd.weight": "f",
        "token_types.weight": "f",
        "token_embd_norm.weight": "f",
        "token_embd_norm.bias": "f",
    }
    shape, data, form = made["blk.1.ffn_up.weight"]
    theirs = list(shapes())
    before = theirs[: theirs.index("encoder.layer.1.intermediate.dense.weight")]
    sizes = [shapes()[name] for name in before]
    begin = sum(size[0] * (size[1] if len(size) == 2 else 1) for size in sizes)
    assert (shape, form) == ((INNER, WIDTH), "e")
    numbers = struct.unpack(f"<{INNER * WIDTH}e", data)
    assert numbers == tuple(begin + index / 4 for index in range(INNER * WIDTH))


def test_the_metadata_describe_the_model_and_its_tokens(tmp_path: Path) -> None:
    """Tokens are in the order of their numbers; those that begin a word are marked."""
    write_model(tmp_path)
    convert_minilm(tmp_path, tmp_path / "made.gguf")
    made = read_gguf(tmp_path / "made.gguf").metadata
    assert made["general.architecture"] == made["tokenizer.ggml.model"] == "bert"
    assert made["bert.block_count"] == LAYERS
    assert made["bert.context_length"] == POSITIONS
    assert made["bert.embedding_length"] == WIDTH
    assert made["bert.feed_forward_length"] == INNER
    assert made["bert.attention.causal"] is False
    assert made["bert.pooling_type"] == 1
    assert made["tokenizer.ggml.tokens"] == [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *("\N{LOWER ONE EIGHTH BLOCK}cat", "s"),
    ]
    assert made["tokenizer.ggml.token_type"] == [3, 3, 3, 3, 3, 1, 1]
    assert made["tokenizer.ggml.cls_token_id"] == 2
    assert made["tokenizer.ggml.seperator_token_id"] == 3


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    """So that what was made can be checked against a SHA-256."""
    for name in ("first", "second"):
        write_model(tmp_path / name)
        convert_minilm(tmp_path / name, tmp_path / f"{name}.gguf")
    assert (tmp_path / "first.gguf").read_bytes() == (tmp_path / "second.gguf").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        {"dtype": "BF16"},
        {"without": "embeddings.position_embeddings.weight"},
        {"without": "encoder.layer.0.intermediate.dense.bias"},
        {"cut": 1},
        {"cut": 100_000},
    ],
    ids=str,
)
def test_files_of_another_kind_are_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    """The error names the folder."""
    write_model(tmp_path, **damage)
    with pytest.raises(WeightsError, match="not those of all-MiniLM-L6-v2"):
        convert_minilm(tmp_path, tmp_path / "made.gguf")


@given(numbers=st.lists(st.floats(-65_000, 65_000, width=32), max_size=20))
def test_numbers_are_rounded_as_numpy_does(numbers: list[float]) -> None:
    """To the nearest 16-bit number."""
    numpy = pytest.importorskip("numpy")
    data = numpy.array(numbers, "<f4")
    made, source = BytesIO(), BytesIO(data.tobytes())
    write_gguf(made, {}, [Tensor("x", (len(numbers),), source.read, half=True)])
    expected = data.astype("<f2").tobytes()
    padded = -(-len(expected) // 32) * 32
    end = made.getvalue()[len(made.getvalue()) - padded :]
    assert end == expected.ljust(padded, b"\0")
