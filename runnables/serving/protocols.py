"""Which protocols a server speaks, by their names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, TypeAlias, get_args

from runnables.errors import ConfigError, did_you_mean

ProtocolName: TypeAlias = Literal["chat-completions", "responses", "ai-sdk", "ag-ui", "rest"]
"""The name of a protocol."""

ALL_PROTOCOLS: Final[frozenset[ProtocolName]] = frozenset(get_args(ProtocolName))

FOR_BROWSERS: Final[frozenset[ProtocolName]] = frozenset({"ai-sdk", "ag-ui"})
"""The protocols that pages speak, so that a browser reaches the server."""

_OF_THE_PAGE: Final[tuple[ProtocolName, ...]] = ("ai-sdk", "rest")
"""What the page of a chain asks: its chat the first, its form the second."""


def chosen_protocols(
    protocols: Collection[ProtocolName] | None, *, page: bool
) -> frozenset[ProtocolName]:
    """Return the protocols that a server speaks.

    Args:
        protocols: those that were named; None: all.
        page: whether each chain has a page.

    Raises:
        ConfigError: an unknown name, none at all, or not what the page asks.
    """
    if protocols is None:
        return ALL_PROTOCOLS
    if isinstance(protocols, str):
        raise ConfigError(
            f"protocols={protocols!r}: expected a list of names, and this is one string"
        )
    names = frozenset(protocols)
    for name in names:
        if name not in ALL_PROTOCOLS:
            known = ", ".join(get_args(ProtocolName))
            raise ConfigError(
                f"protocols: there is no {name!r}.{did_you_mean(name, ALL_PROTOCOLS)} "
                f"Known: {known}."
            )
    if not names:
        raise ConfigError("protocols is empty: name one. `mcp_app` serves MCP alone.")
    if page and not has_page(names):
        needed = " and ".join(map(repr, _OF_THE_PAGE))
        raise ConfigError(
            f"page=True: the page of a chain asks {needed}, of which protocols={sorted(names)} "
            "lacks one. Name both, or say page=False."
        )
    return names


def has_page(protocols: Collection[ProtocolName] | None) -> bool:
    """Tell whether a server of these protocols can have a page for each chain."""
    return protocols is None or all(name in protocols for name in _OF_THE_PAGE)
