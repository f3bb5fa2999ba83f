"""`from_langchain` and `to_langchain`, which convert an object by its kind."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from runnables.core.foreign import is_foreign, is_loaded
from runnables.core.values import show
from runnables.interop.langchain.registry import kind_of_ours, kind_of_theirs, unwrapped
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from runnables.interop.langchain.registry import Kind


def from_langchain(x: Any) -> Any:
    """Return what stands for an object of LangChain in this library.

    It is applied by itself where such an object arrives: in a pipe, in `bind_tools`, in
    `create_agent`, in messages and in `callbacks`. Call it to have the object in hand.

    Args:
        x: a message, document, prompt value, chat model, text model, tool, retriever, embeddings,
            vector store, history, handler, compiled graph, or any other runnable of LangChain. Of a
            list or tuple each item is converted that is one of these; the others stay as they are.
            Of a dict, the messages and documents in it are converted.

    Returns:
        An object of the same kind. Of what `to_langchain` has made, the object that it was made of.

    Raises:
        TypeError: an object that is none of these.
        MissingExtra: the package langchain-core is not installed.

    Example:
        >>> from langchain_core.runnables import RunnableLambda as TheirLambda
        >>> (from_langchain(TheirLambda(len)) | str).invoke("abc")
        '3'
    """
    _require_package()
    if type(x) in (list, tuple):
        return type(x)([_from_theirs_if_theirs(item) for item in x])
    if _is_dict(x):
        return from_value(x)
    if (original := unwrapped(x)) is not None and kind_of_ours(x) is None:
        return original
    if (kind := kind_of_theirs(x)) is None:
        if kind_of_ours(x) is not None:
            raise TypeError(
                f"from_langchain: {show(x)} is an object of this library already: use it as it is."
            )
        raise TypeError(
            f"from_langchain: {show(x)} (of type {type(x).__name__}) is no object of LangChain "
            "that has a counterpart here. In a pipe, wrap it in a function."
        )
    return _converted(x, kind, "from_theirs")


def to_langchain(x: Any) -> Any:
    """Return what stands for an object of this library in LangChain.

    The result is an instance of LangChain's own class (`Runnable`, `BaseChatModel`,
    `BaseRetriever`, ...), which LangGraph and other packages take.

    Args:
        x: a message, document, prompt, prompt value, chat model, text model, tool, retriever,
            embeddings, vector store, history, memory or handler of this library, or what `|` takes
            for a step: any other runnable, a function, or a dict of steps. Of a list or tuple each
            item is converted that is an object of this library; the others stay as they are. A dict
            with messages or documents, such as a state of LangGraph, is no dict of steps: these are
            converted.

    Returns:
        An object of the same kind. Of what `from_langchain` has made, the object that it was made
        of. An object of LangChain is returned as it is.

    Raises:
        TypeError: an object that is none of these.
        MissingExtra: the package langchain-core is not installed.

    Example:
        >>> to_langchain(RunnableLambda(len) | str).invoke("abc")
        '3'
    """
    _require_package()
    if type(x) in (list, tuple):
        return type(x)([_to_theirs_if_ours(item) for item in x])
    if _is_dict(x) and (values := to_value(x)) is not x:
        return values
    kind = kind_of_ours(x)
    if kind is None and is_foreign(x):
        return x
    if kind is None:
        from runnables.compose.coerce import coerce_to_runnable

        x = coerce_to_runnable(x)
        kind = cast("Kind", kind_of_ours(x))
    return _converted(x, kind, "to_theirs")


from_foreign = from_langchain
to_foreign = to_langchain
"""What `core/foreign.py` calls for an object that crosses the border by itself."""


def _is_dict(x: object) -> bool:
    return type(x) is dict


def _from_theirs_if_theirs(x: Any) -> Any:
    kind = kind_of_theirs(x)
    return from_value(x) if kind is None else from_langchain(x)


def _to_theirs_if_ours(x: Any) -> Any:
    kind = kind_of_ours(x)
    return to_value(x) if kind is None else _converted(x, kind, "to_theirs")


def _converted(x: Any, kind: Kind, function: str) -> Any:
    original = unwrapped(x)
    return getattr(kind.load(), function)(x) if original is None else original


def _require_package() -> None:
    if not is_loaded("langchain_core") and find_spec("langchain_core") is None:
        from runnables.core.installation import missing_extra

        raise missing_extra("The adapter for LangChain", "langchain-core", "langchain")
