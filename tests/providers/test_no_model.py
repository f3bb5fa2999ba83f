"""Models without a name: no request leaves."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.errors import ConfigError
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from runnables_providers.ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI, OpenAI, OpenAIEmbeddings
from tests.both_modes import Call

NOWHERE: Any = {"base_url": "http://127.0.0.1:9", "max_retries": 0}
CHATS: list[Any] = [ChatOpenAI, ChatAnthropic, ChatGoogleGenerativeAI, ChatOllama]
TEXT: list[Any] = [OpenAI, OllamaLLM]
EMBEDDINGS: list[Any] = [OpenAIEmbeddings, GoogleGenerativeAIEmbeddings, OllamaEmbeddings]


REFUSED = r"has no model to ask.*model=|model=.*expected the name of a model"


def key(cls: Any) -> dict[str, Any]:
    return {} if "Ollama" in cls.__name__ else {"api_key": "k" * 12}


@pytest.mark.parametrize("cls", [*CHATS, *TEXT])
@pytest.mark.parametrize("model", [None, ""], ids=repr)
def test_a_model_without_a_name_is_refused(cls: Any, model: str | None, call: Call) -> None:
    """Before a request is made, whole and streamed, and also through the Responses API."""
    for options in [{}, {"use_responses_api": True}] if cls is ChatOpenAI else [{}]:
        for ask in (call.invoke, call.stream):
            with pytest.raises(ConfigError, match=REFUSED):
                ask(cls(model=model, **options, **NOWHERE, **key(cls)), "q")


@pytest.mark.parametrize("cls", EMBEDDINGS)
def test_embeddings_without_a_model_are_refused(cls: Any, call: Call) -> None:
    """Before a request is made, for queries and documents."""

    def make() -> Any:
        return cls(**NOWHERE, **key(cls))

    with pytest.raises(ConfigError, match=REFUSED):
        call.invoke(make(), "q")
    with pytest.raises(ConfigError, match=REFUSED):
        call.run(lambda: make().embed_documents(["q"]), lambda: make().aembed_documents(["q"]))


def test_a_model_may_be_named_by_the_call(call: Call) -> None:
    """Then the request is made, and fails for another reason."""
    chat = ChatOpenAI(**NOWHERE, api_key="k" * 12)
    for named in (
        chat.bind(model="m"),
        ChatOpenAI(**NOWHERE, api_key="k" * 12, extra_body={"model": "m"}),
    ):
        with pytest.raises(Exception, match="connect|refused|reach") as caught:
            call.invoke(named, "q")
        assert not isinstance(caught.value, ConfigError)


def test_azure_names_its_deployment() -> None:
    """It is refused when it is made."""
    with pytest.raises(ConfigError, match="name the deployment"):
        AzureChatOpenAI(azure_endpoint="https://x", api_key="k" * 12)


def test_openais_own_models_have_the_defaults_that_langchain_has() -> None:
    """Only at OpenAI's address; the model shows which one it is."""
    chat = ChatOpenAI(api_key="k" * 12)
    assert chat.model == "gpt-3.5-turbo"
    assert "gpt-3.5-turbo" in repr(chat)
    assert OpenAIEmbeddings(api_key="k" * 12).model == "text-embedding-ada-002"
    azure = AzureChatOpenAI(azure_endpoint="https://x", azure_deployment="d", api_key="k" * 12)
    assert azure.model is None
    for cls in (ChatOpenAI, OpenAIEmbeddings):
        assert cls(api_key="k" * 12, base_url="http://127.0.0.1:9").model is None
