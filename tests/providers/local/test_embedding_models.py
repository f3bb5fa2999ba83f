"""Which model is the default one for embeddings, where some cannot be fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runnables.errors import WeightsError
from runnables_providers.local import MINILM, SMOLLM2, Weights, embedding_models
from runnables_providers.local.embedding_models import check_model, find_model, forget
from runnables_providers.local.weights import GivenUp, NotFetched


class Sources:
    """What can be fetched.

    Attributes:
        there: the weights that can.
        error: what is raised for others.
    """

    def __init__(self) -> None:
        self.there = {MINILM, SMOLLM2}
        self.error: type[WeightsError] = NotFetched

    def fetch(self, weights: Weights, given_up: Callable[[], bool]) -> Path:
        if weights not in self.there:
            raise self.error(f"no {weights.name}")
        return Path(weights.file.name)


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """Put these sources in place of the package index; choose anew before and after."""
    sources = Sources()
    monkeypatch.setattr(embedding_models, "fetch", sources.fetch)
    forget()
    yield sources
    forget()


def test_the_default_stays_what_it_was(sources: Sources) -> None:
    """Later vectors of the process could not be compared with earlier ones."""
    assert find_model(None).name == MINILM.name
    sources.there = {SMOLLM2}
    with pytest.raises(NotFetched, match=MINILM.name):
        find_model(None)
    forget()
    with pytest.warns(
        RuntimeWarning, match="all-MiniLM-L6-v2 cannot be had, so SmolLM2.*find less"
    ):
        found = find_model(None)
    assert (found.name, found.pooling) == (SMOLLM2.name, "last")
    sources.there = {MINILM, SMOLLM2}
    assert find_model(None).name == SMOLLM2.name  # and no second warning, which would be an error


def test_where_none_can_be_had_the_error_is_that_of_the_first(sources: Sources) -> None:
    """It is the one that should be got."""
    sources.there = set()
    with pytest.raises(NotFetched, match=f"no {MINILM.name}"):
        find_model(None)
    sources.there = {MINILM}
    assert find_model(None).name == MINILM.name


@pytest.mark.parametrize("error", [WeightsError, GivenUp])
def test_other_errors_choose_nothing(sources: Sources, error: type[WeightsError]) -> None:
    """A full disk, or a caller who has left, says nothing about what can be fetched."""
    sources.there, sources.error = {SMOLLM2}, error
    with pytest.raises(error):
        find_model(None)


def test_a_model_by_its_name_is_that_one(sources: Sources) -> None:
    """In upper or lower case; where it cannot be had, that is an error."""
    for name in ("all-MiniLM-L6-v2", "ALL-MINILM-L6-V2"):
        check_model(name)
        assert find_model(name).prompt == "{}"
    assert find_model("smollm2-135m-instruct").prompt.startswith('This text: "{}"')
    sources.there = {SMOLLM2}
    with pytest.raises(NotFetched):
        find_model("all-MiniLM-L6-v2")


def test_other_names_are_paths(tmp_path: Path) -> None:
    """Of files that exist; the error has the names, and the nearest one."""
    path = tmp_path / "own.gguf"
    path.touch()
    check_model(str(path))
    assert find_model(str(path)).path == path
    with pytest.raises(
        WeightsError, match="no model file 'all-MiniLM'.*Did you mean 'all-MiniLM-L6-v2'"
    ):
        check_model("all-MiniLM")
    with pytest.raises(WeightsError, match="no model file '~no-such-user/x'"):
        check_model("~no-such-user/x")
