"""What the runtime is asked for, to embed strings: in batches, and those that are too long alone.

The runtime refuses a whole batch when one string in it has too many tokens, and says how many it
has. So that batch is embedded string by string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError, ContextLengthError
from runnables_providers.local.runtime_errors import too_many_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnables_providers.local.engine import Emit
    from runnables_providers.local.runtime import Abilities, Server

_BATCH_SIZE: Final = 16
"""How many strings one call of the runtime embeds, which nothing can interrupt."""

_SHOWN: Final = 40
"""How many characters of a string an error shows."""


def check_strings(strings: Sequence[str]) -> None:
    """Refuse strings that cannot be written as UTF-8, which the runtime reads.

    Raises:
        ConfigError: one has a lone surrogate; says which, and where.
    """
    for number, string in enumerate(strings):
        try:
            string.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"{_which(number, len(strings))} has a lone surrogate ({string[error.start]!r}) at "
                f"{error.start}, which is no text. Remove it."
            ) from None


def embed(
    strings: Sequence[str], truncate: bool, server: Server, abilities: Abilities, emit: Emit
) -> None:
    """Embed strings, and emit the answers of the runtime, in order; stop where `emit` says so.

    Raises:
        ContextLengthError: a string has too many tokens, and is not to be truncated.
    """
    for start in range(0, len(strings), _BATCH_SIZE):
        batch = strings[start : start + _BATCH_SIZE]
        answer = _ask(server, abilities, batch)
        if too_many_tokens(answer) is None:
            if emit(answer):
                return
            continue
        for number, string in enumerate(batch, start):
            fitting = _cut(string, server, abilities) if truncate else None
            answer = fitting or _ask(server, abilities, [string])
            if (tokens := too_many_tokens(answer)) is not None:
                raise _too_long(string, number, len(strings), tokens, abilities)
            if emit(answer):
                return


def _ask(server: Server, abilities: Abilities, strings: Sequence[str]) -> dict[str, Any]:
    # The runtime refuses an empty string; a space is the nearest to it.
    filled = [abilities.prompt.replace("{}", string or " ") for string in strings]
    return server.handle_embeddings({"input": filled})


def _cut(string: str, server: Server, abilities: Abilities) -> dict[str, Any] | None:
    """Return the answer for the longest beginning of a string that was found to fit.

    The runtime can only be asked whether a string fits. It costs little where it does not, since
    nothing is computed then; so the end is found from above, by the share of tokens that fit.
    """
    answer = _ask(server, abilities, [string])
    while (tokens := too_many_tokens(answer)) is not None:
        if not string:
            return None
        keep = len(string) * abilities.context // tokens
        string = _to_word(string, min(keep, len(string) - 1))
        answer = _ask(server, abilities, [string])
    return answer


def _to_word(string: str, end: int) -> str:
    """Return the first characters of a string, without the part of a word at their end."""
    cut = string[:end]
    if string[end : end + 1].isspace():
        return cut
    start = max(cut.rfind(space) for space in " \n\t")
    return cut[:start] if start > end // 2 else cut  # words may be long, or without spaces


def _which(number: int, count: int) -> str:
    return "The text" if count == 1 else f"Text {number + 1} of {count}"


def _too_long(
    string: str, number: int, count: int, tokens: int, abilities: Abilities
) -> ContextLengthError:
    shown = string if len(string) <= _SHOWN else f"{string[:_SHOWN]}..."
    limit, own = abilities.context, abilities.trained
    larger = f" give the model a larger context_size (it reads {own})," if limit < own else ""
    return ContextLengthError(
        f"{_which(number, count)} ({shown!r}) has {tokens} tokens, and {abilities.name} reads "
        f"{limit} at most. Split it (see RecursiveCharacterTextSplitter),{larger} or make the "
        "model with truncate=True, which embeds the beginning.",
        provider="local",
        status=400,
    )
