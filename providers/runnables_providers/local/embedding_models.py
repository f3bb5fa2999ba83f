"""The models for embeddings that are known by name, and which of them is the default one.

The default is all-MiniLM-L6-v2. Where none of its packages can be had, it is SmolLM2, the chat
model, whose last token after a prompt says what the text is about; it finds less.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runnables.errors import WeightsError, did_you_mean
from runnables_providers.local.fetching import fetch
from runnables_providers.local.weights import (
    MINILM,
    SMOLLM2,
    NotFetched,
    Weights,
    checksum,
    is_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnables_providers.local.runtime import Pooling


@dataclass(frozen=True)
class NamedModel:
    """A model for embeddings that is fetched.

    Attributes:
        weights: its weights.
        pooling: how the vectors of its tokens become one.
        prompt: what is embedded in place of a string, with "{}" where the string goes.
    """

    weights: Weights
    pooling: Pooling
    prompt: str = "{}"


@dataclass(frozen=True)
class FoundModel:
    """A model whose file is there.

    Attributes:
        name: its name, for errors.
        path: its file.
        pooling: as in `NamedModel`; None: as the file says.
        prompt: as in `NamedModel`.
    """

    name: str
    path: Path
    pooling: Pooling | None
    prompt: str = "{}"


_MINILM: Final = NamedModel(MINILM, "mean")
_SMOLLM2: Final = NamedModel(SMOLLM2, "last", 'This text: "{}" means in one word: "')

NAMED_MODELS: Final[Mapping[str, NamedModel]] = {
    "all-MiniLM-L6-v2": _MINILM,
    "SmolLM2-135M-Instruct": _SMOLLM2,
}
"""The models by their names; upper and lower case count as one."""

_BY_NAME: Final = {name.lower(): model for name, model in NAMED_MODELS.items()}

_chosen: NamedModel | None = None
"""The model that is the default one of this process; None: it was not needed yet."""


def check_model(model: str | None) -> None:
    """Refuse a model that is neither a known name nor the path of a file.

    Raises:
        WeightsError: it is neither.
    """
    if model is None or model.lower() in _BY_NAME:
        return
    if not is_file(model):
        raise WeightsError(
            f"There is no model file {model!r}.{did_you_mean(model, NAMED_MODELS)} Name an "
            f"existing gguf file, one of {', '.join(NAMED_MODELS)}, or none for the default model."
        )


def find_model(model: str | None, given_up: Callable[[], bool] = lambda: False) -> FoundModel:
    """Return a model by its name or path; None: the default one. Fetch its file if need be.

    The process stays with the default that it has chosen, until `forget`: so the vectors of one run
    can be compared.

    Raises:
        WeightsError: its file cannot be had.
    """
    if model is None:
        return _default(given_up)
    if (named := _BY_NAME.get(model.lower())) is not None:
        return _found(named, given_up)
    path = Path(model).expanduser()
    return FoundModel(path.name, path, None)


def _default(given_up: Callable[[], bool]) -> FoundModel:
    global _chosen
    if _chosen is not None:
        return _found(_chosen, given_up)
    try:
        found = _found(_MINILM, given_up)
    except NotFetched as reason:
        return _second_choice(reason, given_up)
    _chosen = _MINILM
    return found


def _second_choice(reason: NotFetched, given_up: Callable[[], bool]) -> FoundModel:
    global _chosen
    try:
        found = _found(_SMOLLM2, given_up)
    except NotFetched:
        raise reason from None
    if _chosen is not None:  # another thread has chosen meanwhile
        return _found(_chosen, given_up)
    _chosen = _SMOLLM2
    warnings.warn(
        f"{MINILM.name} cannot be had, so {SMOLLM2.name} makes the embeddings, which find less. "
        f'Name "local:{SMOLLM2.name}" to choose it without this warning. {reason}',
        RuntimeWarning,
        stacklevel=2,
    )
    return found


def _found(named: NamedModel, given_up: Callable[[], bool]) -> FoundModel:
    path = fetch(named.weights, given_up)
    return FoundModel(named.weights.name, path, named.pooling, named.prompt)


def forget() -> None:
    """Choose the default model anew at the next call."""
    global _chosen
    _chosen = None


def vector_space(model: str | None, pooling: Pooling | None) -> str:
    """Return what the vectors of a model depend on; see `Embeddings.vector_space`.

    Raises:
        WeightsError: its file cannot be had.
    """
    found = find_model(model)
    try:
        digest = checksum(found.path)
    except OSError as error:
        raise WeightsError(f"{found.path}: cannot be read ({error.strerror})") from error
    named = [entry.weights for entry in NAMED_MODELS.values()]
    known = [weights.name for weights in named if weights.file.sha256 == digest]
    # not the name of the file, which may be renamed
    parts = [
        *known,
        f"SHA-256 {digest[:16]}",
        f"pooling {pooling or found.pooling or 'of the file'}",
    ]
    if found.prompt != "{}":
        parts.append(f"prompt {found.prompt!r}")
    return f"local: {', '.join(parts)}"
