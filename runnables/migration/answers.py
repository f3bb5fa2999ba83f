"""What becomes of a name: the table of names, asked by module and name."""

from __future__ import annotations

from typing import Final, NamedTuple

from runnables.core.elsewhere import where_is
from runnables.migration.names import (
    AT_THE_ROOT,
    COMMUNITY,
    FLAGS,
    IN_1,
    MOVED,
    OTHER_MEANING,
    OURS,
    PYDANTIC,
    RENAMED,
    ROOTS,
    STAYS,
    WHOLE_IN_1,
)


class Ours(NamedTuple):
    """A name that is here.

    Attributes:
        module: where it is imported from.
        name: the name there.
    """

    module: str
    name: str


class Theirs(NamedTuple):
    """A name that stays LangChain's.

    Attributes:
        why: why, and what to use instead where there is something: whole sentences.
        module: the module that it is in since version 1 of LangChain, if that is another one.
    """

    why: str
    module: str | None = None


class Rules(NamedTuple):
    """What becomes of a name that has no counterpart.

    Attributes:
        made_ours: packages whose names become ours in any case: code that needs one that is not
            here then fails at its import. Only the runner of public code uses that.
        only_listed: whether that holds for all names but those of the packages in `STAYS`, too.
    """

    made_ours: frozenset[str] = frozenset()
    only_listed: bool = False


MIGRATE: Final = Rules()
"""The rules of the command: what has no counterpart stays as it is."""


def is_theirs(module: str) -> bool:
    """Tell whether a module is of LangChain, or of a package that goes with it and may stay.

    Example:
        >>> is_theirs("langchain_core.prompts"), is_theirs("langchain_utils")
        (True, False)
    """
    root = module.partition(".")[0]
    return root in ROOTS or root in STAYS


def answer_for(module: str, name: str, rules: Rules = MIGRATE) -> Ours | Theirs:
    """Return what becomes of a name.

    Args:
        module: the module of LangChain that it is imported from.
        name: the name.
        rules: what becomes of it if it has no counterpart.

    Example:
        >>> answer_for("langchain_openai", "ChatOpenAI")
        Ours(module='runnables_providers.openai', name='ChatOpenAI')
        >>> answer_for("langgraph.graph", "StateGraph").why
        "It stays LangChain's: its graphs take our chains as nodes, and are steps of ours."
    """
    if module == "langchain":
        module = AT_THE_ROOT.get(name, module)
    root = module.partition(".")[0]
    if module in PYDANTIC:
        return Ours("pydantic", name)
    if (root, name) in MOVED:
        return Ours(MOVED[root, name], name)
    found = _counterpart(root, module, name)
    if found is not None:
        return found
    stays = staying(f"{module}.{name}")
    if root in rules.made_ours or (rules.only_listed and stays is None):
        return Ours(OURS.get(name, "runnables"), name)
    return Theirs(_reason(module, name, stays), classic_home(module, name))


def _counterpart(root: str, module: str, name: str) -> Ours | None:
    if root not in ROOTS or (root == "langchain_community" and not _is_within(module, COMMUNITY)):
        return None
    if other_meaning(module, name) is not None:
        return None
    name = RENAMED.get(name, name)
    if name not in OURS or (name == "OllamaLLM" and root not in _WITH_OLLAMA):
        return None
    return Ours(OURS[name], name)


_WITH_OLLAMA: Final = frozenset({"langchain", "langchain_classic", "langchain_community",
                                 "langchain_ollama"})  # fmt: skip


def other_meaning(module: str, name: str) -> str | None:
    """Return what to do about a name that means something else here; None: it means the same."""
    for (home, other), why in OTHER_MEANING.items():
        if name == other and _is_within(module, (home,)):
            return why
    return None


def staying(module: str) -> str | None:
    """Return how a module that may stay LangChain's goes together with ours, if it is one."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        if (why := STAYS.get(".".join(parts[:count]))) is not None:
            return why
    return None


def classic_home(module: str, name: str) -> str | None:
    """Return where a name of the package `langchain` is since version 1, if it has moved.

    Example:
        >>> classic_home("langchain.chains", "LLMChain")
        'langchain_classic.chains'
        >>> classic_home("langchain.agents", "create_agent")
    """
    root, _, rest = module.partition(".")
    if root != "langchain" or _is_within(f"{module}.{name}", WHOLE_IN_1):
        return None
    names = IN_1.get(rest.partition(".")[0], " ".join(IN_1) if not rest else "")
    return None if name in names.split() else f"langchain_classic{module[len(root) :]}"


def _reason(module: str, name: str, stays: str | None) -> str:
    is_known = module.partition(".")[0] in ROOTS  # others use the same names for something else
    instead = other_meaning(module, name) or (instead_of(name) if is_known else "")
    if stays is None:
        return f"It is not here. {instead}".rstrip()
    sentence = f"It stays LangChain's: {stays}."
    return f"{sentence} Without it: {instead}" if instead else sentence


def instead_of(name: str) -> str:
    """Return what to use for a name that is not here, in sentences; "" where nothing is known."""
    if name in FLAGS:
        return FLAGS[name]
    sentence = where_is(name, OURS).strip()
    return "" if sentence.startswith(("Did you mean", "Write:")) else sentence


def _is_within(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)
