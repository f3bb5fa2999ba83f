"""Keywords of LangChain: other names of settings, and those that mean nothing here."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from runnables.compose.configurable_fields import ConfigurableField
from runnables.errors import ConfigError
from runnables_providers._remote import other_names
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from runnables_providers.ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI, OpenAI, OpenAIEmbeddings

CLASSES: dict[Any, Any] = {
    ChatOpenAI: other_names.OPENAI_NAMES,
    AzureChatOpenAI: other_names.AZURE_NAMES,
    ChatAnthropic: other_names.ANTHROPIC_NAMES,
    ChatGoogleGenerativeAI: other_names.GOOGLE_NAMES,
    ChatOllama: other_names.OLLAMA_NAMES,
    OpenAI: other_names.OPENAI_NAMES,
    OllamaLLM: other_names.OLLAMA_NAMES,
    OpenAIEmbeddings: other_names.OPENAI_EMBEDDINGS_NAMES,
    GoogleGenerativeAIEmbeddings: other_names.GOOGLE_EMBEDDINGS_NAMES,
    OllamaEmbeddings: other_names.OLLAMA_EMBEDDINGS_NAMES,
}
PAIRS = [(cls, name, ours) for cls, names in CLASSES.items() for name, ours in names.items()]

VALUES: dict[str, tuple[Any, Any]] = {
    "model": ("a", "b"),
    "api_key": ("key-1", SecretStr("key-2")),
    "base_url": ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"),
    "timeout": (3.0, 4.0),
    "stop": (["a"], ["b"]),
    "max_tokens": (5, 6),
    "max_batch_size": (7, 8),
    "dimensions": (9, 10),
    "organization": ("o", "p"),
    "azure_deployment": ("d", "e"),
    "api_version": ("v1", "v2"),
    "default_headers": ({"x-a": "1"}, {"x-a": "2"}),
    "think": (True, False),
    "effort": ("low", "high"),
    "thinking_level": ("low", "high"),
    "max_retries": (3, 4),
    "response_format": ({"type": "json_object"}, {"type": "text"}),
}


def _make(cls: Any, **settings: Any) -> Any:
    required = {"model": "m", "api_key": "key", "base_url": "http://127.0.0.1:1"}
    if cls is AzureChatOpenAI:
        required |= {"azure_endpoint": "https://a.example", "api_version": "v0"}
        del required["base_url"]
    names = CLASSES[cls]
    given = {names.get(name, name) for name in settings}
    if cls is AzureChatOpenAI and "base_url" in given:
        del required["azure_endpoint"]
    return cls(**{key: value for key, value in required.items() if key not in given}, **settings)


@pytest.mark.parametrize(("cls", "name", "ours"), PAIRS)
def test_another_name_sets_and_reads_the_same_setting(cls: Any, name: str, ours: str) -> None:
    """The model equals the one that our name makes, and pickles."""
    value, _ = VALUES[ours]
    model = _make(cls, **{name: value})
    assert model == _make(cls, **{ours: value})
    assert getattr(model, name) == getattr(model, ours)
    assert pickle.loads(pickle.dumps(model)) == model


@pytest.mark.parametrize(("cls", "name", "ours"), PAIRS)
def test_two_names_of_one_setting_are_refused(cls: Any, name: str, ours: str) -> None:
    """Whichever comes first, and also where they agree."""
    value, other = VALUES[ours]
    for second in (value, other):
        for settings in ({name: value, ours: second}, {ours: second, name: value}):
            with pytest.raises(ConfigError, match=f"'{name}' and '{ours}', two names of one"):
                _make(cls, **settings)


@pytest.mark.parametrize(("cls", "name", "ours"), [pair for pair in PAIRS if pair[2] == "api_key"])
def test_a_key_by_another_name_never_shows(cls: Any, name: str, ours: str) -> None:
    """Neither in the repr, nor where it is read."""
    model = _make(cls, **{name: "sk-very-secret"})
    assert "very-secret" not in f"{model!r} {getattr(model, name)!r} {model.api_key!r}"


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if not cls.__name__.endswith("Embeddings")])
def test_a_model_named_by_position_and_by_name_is_refused(cls: Any) -> None:
    """`ChatOpenAI("a", model_name="b")` does not choose one of them."""
    with pytest.raises(ConfigError, match="'model_name' and 'model', two names"):
        cls("a", model_name="b", api_key="key")
    assert cls(None, model_name="b", api_key="k", **_endpoint(cls)).model == "b"


def _endpoint(cls: Any) -> dict[str, Any]:
    is_azure = cls is AzureChatOpenAI
    return {"azure_endpoint": "https://a.example", "api_version": "v"} if is_azure else {}


def test_a_call_takes_options_by_other_names() -> None:
    """In `bind` and as fields that a config sets."""
    model = ChatOpenAI("m", api_key="key", max_tokens=1)
    assert model._options({"max_completion_tokens": 5})["max_tokens"] == 5
    with pytest.raises(ConfigError, match="two names of one setting"):
        model._options({"max_completion_tokens": 5, "max_tokens": 6})
    field = ConfigurableField(id="which")
    chosen: Any = model.configurable_fields(model_name=field).prepared(
        {"configurable": {"which": "other"}}
    )
    assert chosen.model == chosen.model_name == "other"
    with pytest.raises(ConfigError, match="two names of one setting"):
        model.configurable_fields(model_name=field, model=field)


@pytest.mark.parametrize(("name", "rule"), other_names.NO_EFFECT.items())
def test_a_keyword_that_means_nothing_is_taken_where_it_asks_for_nothing(
    name: str, rule: other_names.NoEffect
) -> None:
    """Else it is refused with the way out, and a value that may be secret is not shown."""
    cls: Any = ChatAnthropic if name in ("stream_usage", "project", "n") else ChatOpenAI
    plain = cls("m", api_key="key")
    why = re.escape(f", as {rule.why}: {rule.instead}.")
    for value in (None, *(rule.values if rule.values is not None else (True, "anything"))):
        assert cls("m", api_key="key", **{name: value}) == plain
        assert plain._options({name: value}) == plain._options({})
        assert cls("m", api_key="key", model_kwargs={name: value}) == plain
    if rule.values is not None:
        for wrong in ({"key": "secret"}, "secret"):
            shown = f"{name}=<{type(wrong).__name__}> means nothing here{why}"
            for refused in (
                lambda wrong=wrong: cls("m", api_key="key", **{name: wrong}),
                lambda wrong=wrong: plain._options({name: wrong}),
            ):
                with pytest.raises(ConfigError, match=shown) as caught:
                    refused()
                assert "secret" not in str(caught.value)


def test_a_keyword_that_one_class_has_means_something_there() -> None:
    """It is dropped for the others only."""
    chat = ChatOpenAI("m", api_key="key", n=2, project="p", stream_usage=False)
    assert (chat.project, chat.stream_usage, chat._options({})["n"]) == ("p", False, 2)


def test_the_docs_list_every_name() -> None:
    """Each other name, and each keyword that means nothing here."""
    page = (Path(__file__).parents[2] / "docs" / "names-of-langchain.md").read_text("utf-8")
    names = {name for table in CLASSES.values() for name in table} | {*other_names.NO_EFFECT}
    assert {name for name in names if f"`{name}`" not in page} == set()
    for name, rule in other_names.NO_EFFECT.items():
        rows = [line for line in page.splitlines() if line.endswith(f"| {rule.why} |")]
        assert any(f"`{name}`" in line for line in rows), name


def test_model_kwargs_are_options_where_the_class_knows_them() -> None:
    """The others go into the body of each request."""
    model = ChatOpenAI(
        "m", api_key="key", model_kwargs={"seed": 3, "new": 1}, extra_body={"old": 2}
    )
    assert model == ChatOpenAI("m", api_key="key", seed=3, extra_body={"new": 1, "old": 2})
    for wrong, message in (
        ({"model_kwargs": {"seed": 1}, "seed": 2}, "'seed' twice"),
        ({"model_kwargs": {"max_completion_tokens": 1}, "max_tokens": 2}, "'max_tokens' twice"),
        ({"model_kwargs": "seed"}, "expected a dict"),
        ({"model_kwargs": {"openai_organization": "o"}}, r"ChatOpenAI\(openai_organization="),
        ({"model_kwargs": {"timeout": 3}}, r"ChatOpenAI\(timeout=...\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            ChatOpenAI("m", api_key="key", **wrong)


def test_no_cache_is_what_false_asks_for() -> None:
    """`cache=True` stays an error: there is no cache of the whole process."""
    assert ChatOpenAI("m", api_key="key", cache=False) == ChatOpenAI("m", api_key="key")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
