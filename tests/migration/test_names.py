"""The table of names is true: what it names is there, and LangChain's names have an answer."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

import pytest

import runnables_providers
from runnables.migration.answers import Ours, Rules, Theirs, answer_for, is_theirs
from runnables.migration.names import (
    COMMUNITY,
    COMPANIONS,
    KEYWORDS,
    MOVED,
    NO_KEYWORD,
    OURS,
    RENAMED,
    ROOTS,
    STAYS,
    STAYS_BESIDE,
    STAYS_WITH,
    STAYS_WITH_ANY,
)
from runnables_providers._remote import other_names
from scripts.langchain_names import all_names

NAMES = all_names()

TABLES: Mapping[str, Mapping[str, str]] = {
    "ChatOpenAI": other_names.OPENAI_NAMES,
    "OpenAI": other_names.OPENAI_NAMES,
    "AzureChatOpenAI": other_names.AZURE_NAMES,
    "ChatAnthropic": other_names.ANTHROPIC_NAMES,
    "ChatGoogleGenerativeAI": other_names.GOOGLE_NAMES,
    "ChatOllama": other_names.OLLAMA_NAMES,
    "OllamaLLM": other_names.OLLAMA_NAMES,
    "OpenAIEmbeddings": other_names.OPENAI_EMBEDDINGS_NAMES,
    "GoogleGenerativeAIEmbeddings": other_names.GOOGLE_EMBEDDINGS_NAMES,
    "OllamaEmbeddings": other_names.OLLAMA_EMBEDDINGS_NAMES,
}


def _value(ours: Ours) -> Any:
    return getattr(importlib.import_module(ours.module), ours.name)


@pytest.mark.parametrize("module", [module for module in NAMES if is_theirs(module)])
def test_each_name_of_langchain_is_here_or_explained(module: str) -> None:
    """What is ours can be imported, and what stays has sentences that say why."""
    for name in NAMES[module]:
        answer = answer_for(module, name)
        if isinstance(answer, Ours):
            _value(answer)
        else:
            assert re.fullmatch(r"It (is|stays) \S.*[.)]", answer.why), (name, answer.why)


def test_what_has_another_name_or_place_is_there() -> None:
    """Each entry of the table names something of ours."""
    for new in RENAMED.values():
        _value(Ours(OURS[new], new))
    for (root, name), module in MOVED.items():
        assert root in ROOTS
        _value(Ours(module, name))
    assert not RENAMED.keys() & OURS.keys()
    assert (KEYWORDS.keys() | NO_KEYWORD.keys()) <= OURS.keys()
    assert STAYS_WITH.keys() <= OURS.keys()
    assert STAYS_WITH_ANY.keys() | STAYS_BESIDE.keys() <= STAYS_WITH.keys()
    assert {*COMPANIONS.values()} <= STAYS_WITH.keys()
    assert all(module.startswith("langchain_community.") for module in COMMUNITY)


def test_keywords_are_those_that_the_classes_take() -> None:
    """Each is another name of the same setting in the class itself."""
    assert KEYWORDS == TABLES
    for name in KEYWORDS:
        cls = _value(Ours(OURS[name], name))
        assert cls._other_names == KEYWORDS[name]


def test_the_providers_are_known() -> None:
    """No public class of a provider is missing from the table."""
    for name in ("openai", "anthropic", "google", "ollama"):
        module = importlib.import_module(f"{runnables_providers.__name__}.{name}")
        public = {each for each in module.__all__ if each[0].isupper()}
        assert public - OURS.keys() <= {"Timeouts", "OpenAIMessage"}, name


def test_only_langchains_own_packages_are_looked_at() -> None:
    """Names of other packages that only look alike are left alone."""
    assert all(is_theirs(root) for root in ROOTS)
    assert all(is_theirs(stays.partition(".")[0]) for stays in STAYS)
    assert not any(map(is_theirs, ["langchain_utils", "mylangchain", "lang", "runnables", ""]))


def test_the_community_has_counterparts_in_some_parts_only() -> None:
    """A tool there is not ours because it has the name of something of ours."""
    assert answer_for("langchain_community.chat_models", "ChatOpenAI") == Ours(
        "runnables_providers.openai", "ChatOpenAI"
    )
    assert isinstance(answer_for("langchain_community.graphs", "Graph"), Theirs)


def test_rules_make_names_ours_that_are_not_here() -> None:
    """Those of the packages that are named, and on request of all that are not on the list."""
    rules = Rules(frozenset({"langchain_core"}), only_listed=True)
    assert answer_for("langchain_core.vectorstores", "Absent", rules) == Ours("runnables", "Absent")
    assert answer_for("langchain.globals", "Absent", rules) == Ours("runnables", "Absent")
    assert isinstance(answer_for("langchain.chains", "LLMChain", rules), Theirs)
    some = Rules(frozenset({"langchain"}))
    assert answer_for("langchain.chains", "LLMChain", some) == Ours("runnables", "LLMChain")
    assert isinstance(answer_for("langchain_core.x", "Absent", some), Theirs)
