"""A name that `runnables` does not have gives an error that says where it is, or what to use."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

import runnables
from runnables.core.elsewhere import where_is
from scripts.langchain_names import all_names
from scripts.langchain_table import PAGE, page_with_table

NAMES = all_names()

ANSWERS = {
    "ChatOpenAI": "from runnables_providers.openai import ChatOpenAI",
    "AzureChatOpenAI": "from runnables_providers.openai import AzureChatOpenAI",
    "OpenAIEmbeddings": "from runnables_providers.openai import OpenAIEmbeddings",
    "ChatAnthropic": "from runnables_providers.anthropic import ChatAnthropic",
    "ChatGoogleGenerativeAI": "from runnables_providers.google import ChatGoogleGenerativeAI",
    "ChatOllama": "from runnables_providers.ollama import ChatOllama",
    "LocalChatModel": "from runnables_providers.local import LocalChatModel",
    "ScriptedChatModel": "from runnables_providers.scripted import ScriptedChatModel",
    "ChatMistralAI": "base_url",
    "HuggingFaceEmbeddings": "init_embeddings",
    "OpenAI": "from runnables_providers.openai import OpenAI",
    "OllamaLLM": "from runnables_providers.ollama import OllamaLLM",
    "AzureOpenAI": "subclass LLM",
    "VertexAI": "init_chat_model",
    "LLMChain": "prompt | model",
    "load_qa_chain": "prompt | model",
    "create_stuff_documents_chain": "prompt | model",
    "AgentType": "create_agent",
    "AgentExecutorIterator": "executor.stream",
    "create_openai_tools_agent": "create_tool_calling_agent",
    "XMLAgentOutputParser": "create_agent",
    "create_react_agent": "create_agent",
    "initialize_agent": "create_agent",
    "ConversationEntityMemory": "with_history",
    "RedisChatMessageHistory": "BaseChatMessageHistory",
    "BaseLanguageModel": "ChatModel",
    "PydanticOutputFunctionsParser": "PydanticToolsParser",
    "CallbackManager": "BaseCallbackHandler",
    "AsyncCallbackManager": "BaseCallbackHandler",
    "FileCallbackHandler": "ConsoleHandler",
    "LangChainTracer": "on_event",
    "BaseDocumentTransformer": "BaseRetriever",
    "FAISS": "BaseRetriever",
    "Chroma": "VectorStore",
    "MarkdownTextSplitter": "RecursiveCharacterTextSplitter",
    "PyPDFLoader": "load_documents",
    "dumps": "Pickle",
    "itemgetter": "from operator import itemgetter",
    "Runable": "Did you mean 'Runnable'?",
    "StrOutputParsers": "Did you mean 'StrOutputParser'?",
    "HumanMesage": "Did you mean 'HumanMessage'?",
    "prompttemplate": "Did you mean 'PromptTemplate'?",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_import_says_where_a_name_is(name: str) -> None:
    """`from runnables import name` raises an ImportError, which Python's own would be, too."""
    with pytest.raises(ImportError) as caught:
        exec(f"from runnables import {name}")
    assert ANSWERS[name] in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("module", NAMES)
def test_each_name_of_langchain_is_here_or_explained(module: str) -> None:
    """An import never ends with Python's own error, and never with a name that only looks alike."""
    for name in NAMES[module]:
        try:
            exec(f"from runnables import {name}")
        except ImportError as error:
            hint = str(error).partition("from 'runnables'. ")[2]
            assert hint, name
            assert not hasattr(runnables, name)
            guess = re.fullmatch(r"Did you mean '(\w+)'\?", hint)
            assert guess is None or guess[1].removeprefix("Base") in name, (name, hint)


def test_hints_name_what_there_is() -> None:
    """Classes and functions that a hint says to use can be imported, from here or a provider."""
    elsewhere = set(
        "BaseModel ChatOpenAI LangChain LangSmith MyClass OpenAI OpenAIEmbeddings "
        "ScriptedChatModel SecretStr StrEnum TypeAdapter TypeVar".split()
    )
    for names in NAMES.values():
        for name in names:
            hint = where_is(name, runnables.__all__)
            if hint.startswith(" Write: from"):
                exec(hint.removeprefix(" Write: "))
                continue
            for word in re.findall(r"\b[A-Z]+[a-z]+[A-Z]\w+|(?<![.\w])[a-z]+_[a-z_]+(?=\()", hint):
                known = hasattr(runnables, word) or word in elsewhere
                assert known, (name, hint)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_attribute_says_so_too(name: str) -> None:
    """It is an AttributeError, so `hasattr` and `getattr` with a default work."""
    with pytest.raises(AttributeError) as caught:
        getattr(runnables, name)
    assert ANSWERS[name] in str(caught.value)
    assert not hasattr(runnables, name)
    assert getattr(runnables, name, 3) == 3


@pytest.mark.parametrize(
    ("module", "name", "answer"),
    [
        ("runnables_providers", "ChatOpenAI", "from runnables_providers.openai import ChatOpenAI"),
        ("runnables_providers", "init_chat_model", "from runnables import init_chat_model"),
        ("runnables_providers", "ChatGroq", "base_url"),
        ("runnables.models", "ChatOpenAI", "from runnables_providers.openai import ChatOpenAI"),
        ("runnables.messages", "FunctionMessage", "Use ToolMessage."),
        ("runnables.messages", "HumanMesage", "Did you mean 'HumanMessage'?"),
        ("runnables.prompts", "HumanMessage", "from runnables import HumanMessage"),
        ("runnables.tools", "ToolRuntime", "InjectedToolArg"),
        ("runnables.parsers", "JsonOutputFunctionsParser", "PydanticToolsParser"),
    ],
)
def test_the_packages_inside_say_so_too(module: str, name: str, answer: str) -> None:
    """Those of the same names as LangChain's modules, and that of the providers."""
    with pytest.raises(ImportError) as caught:
        exec(f"from {module} import {name}")
    assert answer in str(caught.value)
    assert f"from {module!r}" in str(caught.value)
    package = importlib.import_module(module)
    assert not hasattr(package, name)
    assert not hasattr(package, "__wrapped__")


@pytest.mark.parametrize("name", ["testing", "errors", "compose", "parsers"])
def test_modules_of_the_package_are_imported_as_before(name: str) -> None:
    """They are no names of the public API, and Python finds them by itself."""
    done = subprocess.run(
        [sys.executable, "-c", f"from runnables import {name}; print({name}.__name__)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == f"runnables.{name}"


@pytest.mark.parametrize("name", ["zzzzz", "_private", "__wrapped__"])
def test_other_names_get_pythons_own_error(name: str) -> None:
    """There is nothing to say about them."""
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from runnables import {name}")
    assert not hasattr(runnables, name)


def test_the_page_has_the_answers_of_the_errors() -> None:
    """Its table is written from them; `python -m scripts.langchain_table` does it."""
    page = PAGE.read_text()
    assert page_with_table(page) == page


def test_what_is_in_providers_is_there() -> None:
    """Each line of import that an error shows works."""
    for answer in ANSWERS.values():
        if answer.startswith("from runnables_providers"):
            _, module, _, name = answer.split()
            assert hasattr(importlib.import_module(module), name)


def test_the_hints_load_only_when_they_are_needed() -> None:
    """A program without a mistake does not pay for them."""
    code = "import sys, runnables; runnables.Runnable; print('elsewhere' in ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
