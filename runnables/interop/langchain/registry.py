"""The kinds of objects that are converted, and the module that converts each.

A kind is recognised by the names of classes in the bases of an object, so that no module of either
library is imported to find out. The first kind that fits counts: a chat model is a runnable, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from runnables.core.weak_cache import weak_cache

if TYPE_CHECKING:
    from types import ModuleType

_HERE: Final = "runnables.interop.langchain"
_THEIRS: Final = ("langchain_core", "langchain", "langchain_classic", "langgraph")
_OURS: Final = ("runnables", "runnables_providers")


@dataclass(frozen=True)
class Kind:
    """A kind of objects that both libraries have.

    Attributes:
        name: the kind, as an error names it.
        module: the module of this package with `from_theirs(x)` and `to_theirs(x)`; a kind that
            has no names of one side lacks the function for it.
        theirs: the names of their classes, separated by spaces.
        ours: the names of our classes, separated by spaces.
    """

    name: str
    module: str
    theirs: str = ""
    ours: str = ""

    def load(self) -> ModuleType:
        """Return the module that converts objects of this kind."""
        return import_module(f"{_HERE}.{self.module}")


KINDS: Final = (
    Kind(
        "message",
        "messages",
        "HumanMessage AIMessage SystemMessage ToolMessage ChatMessage",
        "BaseMessage",
    ),
    Kind("document", "documents", "Document", "Document"),
    Kind("prompt value", "prompt_values", "PromptValue", "PromptValue"),
    Kind(
        "decision of an agent",
        "actions",
        "AgentAction AgentFinish AgentStep",
        "AgentAction AgentFinish AgentStep",
    ),
    Kind("message of another kind", "messages", "BaseMessage"),
    Kind("chat model", "chat_models", "BaseChatModel _ConfigurableModel", "ChatModel"),
    Kind("text model", "llms", "BaseLLM", "TextModel"),
    Kind("prompt", "prompts", "", "BasePromptTemplate"),
    Kind("parser", "parsers", "", "BaseParser RepairParser"),
    Kind("tool", "tools", "BaseTool", "BaseTool"),
    Kind("retriever", "retrievers", "BaseRetriever", "BaseRetriever"),
    Kind("embeddings", "embeddings", "Embeddings", "Embeddings"),
    Kind("vector store", "vector_stores", "VectorStore", "VectorStore BaseVectorStore"),
    Kind("history", "histories", "BaseChatMessageHistory", "BaseChatMessageHistory"),
    Kind("memory", "memories", "", "ConversationBufferMemory"),
    Kind("splitter", "splitters", "", "RecursiveCharacterTextSplitter"),
    Kind("handler", "handlers", "BaseCallbackHandler", "BaseCallbackHandler"),
    Kind("handlers", "managers", "BaseCallbackManager"),
    Kind("handlers of a run", "run_handlers", ours="RunHandlers"),
    Kind("graph", "graphs", "Pregel"),
    Kind("runnable", "runs", "Runnable", "Runnable"),
)
"""The kinds, the most special ones first."""

VALUES: Final = KINDS[:4]
"""The kinds that are data, which pass a border as inputs and outputs."""


def kind_of_theirs(thing: object) -> Kind | None:
    """Return the kind of an object of LangChain; None where it is none, or has no counterpart."""
    return _kind_of_their_class(type(thing))


def kind_of_ours(thing: object) -> Kind | None:
    """Return the kind of an object of this library; None where it is none."""
    if (kind := _kind_of_our_class(type(thing))) is not None:
        return _of_wrapper(thing, kind) if kind.module == "runs" else kind
    return _HANDLER if callable(getattr(type(thing), "on_event", None)) else None


def _of_wrapper(thing: Any, kind: Kind) -> Kind:
    """Return the kind of a wrapper: a chat model with a retry, or with tools, is a chat model."""
    from runnables.compose.wrappers import innermost

    inside = innermost(thing, None)
    own = kind if inside is thing else _kind_of_our_class(type(inside))
    return own if own is not None and own.module in _WRAPPED else kind


_WRAPPED: Final = ("chat_models", "llms", "tools")
"""The modules that convert an object with what is wrapped around it."""

_HANDLER: Final = next(kind for kind in KINDS if kind.name == "handler")


@weak_cache
def _kind_of_their_class(cls: type) -> Kind | None:
    names = _names_of_bases(cls, _THEIRS)
    return next((kind for kind in KINDS if not names.isdisjoint(kind.theirs.split())), None)


@weak_cache
def _kind_of_our_class(cls: type) -> Kind | None:
    names = _names_of_bases(cls, _OURS)
    return next((kind for kind in KINDS if not names.isdisjoint(kind.ours.split())), None)


def _names_of_bases(cls: type, packages: tuple[str, ...]) -> set[str]:
    """Return the names of a class and its bases in these packages, without type parameters."""
    return {
        base.__name__.partition("[")[0]
        for base in cls.__mro__
        if base.__module__.partition(".")[0] in packages
    }


def unwrapped(thing: Any) -> Any:
    """Return the object that an adapter stands for; None where a thing is no adapter.

    A class of this package that adapts an object of one library to the other names, in its class
    attribute `_adapts`, the attribute that holds the object.
    """
    cls: Any = thing.__class__
    attribute: str | None = getattr(cls, "_adapts", None)
    return None if attribute is None else getattr(thing, attribute)
