"""Chains that another process serves, for the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runnables_providers.remote import RemoteRunnable
from tests.laws.served_chains import Size, served_url
from tests.laws.specimens import INTS, STRINGS, Specimen

if TYPE_CHECKING:
    from hypothesis import strategies as st


def remotes() -> Iterator[Specimen]:
    yield remote("function", INTS)
    yield remote("snapshots", STRINGS)
    yield remote("branches", STRINGS, ordered=False)
    yield remote("starts-over", STRINGS, restarts=True)
    yield remote("typed", STRINGS, output_type=Size)
    yield remote("model", STRINGS)


def remote(
    name: str, inputs: st.SearchStrategy[Any], *, ordered: bool = True, **settings: Any
) -> Specimen:
    """Return a specimen that is made without asking the server, which starts when one is made."""
    return Specimen(
        f"remote: {name}",
        lambda: RemoteRunnable(f"{served_url()}/{name}", timeout=20, **settings),
        inputs,
        ordered=ordered,
    )
