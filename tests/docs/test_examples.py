"""Every public name shows how it is used."""

from __future__ import annotations

from tests.docs import examples


def test_every_public_name_has_an_example() -> None:
    """The docstring of each public class and function has an `Example:`; errors need none."""
    missing = set(examples.without_example())
    assert missing == set(), f"{len(missing)} names have no example"
