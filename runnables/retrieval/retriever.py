"""The base of retrievers: a question in, documents out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from runnables.compose.runnable import Runnable
from runnables.core.config import Scope, activate
from runnables.core.options import unknown_option
from runnables.core.run_managers import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
    managed,
    taken_by,
)
from runnables.core.with_fields import WithFields
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError
from runnables.retrieval.documents import Document

if TYPE_CHECKING:
    from runnables.core.fields import Fields

_NO_OPTIONS: Final = frozenset({"self", "query", "run_manager", "kwargs"})


class BaseRetriever(WithFields, Runnable[str, list[Document]], internal=True):
    """A runnable that finds documents for a question.

    A subclass writes fields (see `RunnableSerializable`) and `_get_relevant_documents`, or
    `_aget_relevant_documents`, or both. A `run_manager` is passed to those that take one; more
    parameters are options of the call. Its runs are of the type "retriever" in events.

    Attributes:
        name: its name in events and error notes; by default that of the class.

    Raises:
        ConfigError: a required field is not given, a keyword is no field, or a value does not fit.

    Example:
        >>> class Search(BaseRetriever):
        ...     documents: list[Document]
        ...     k: int = 1
        ...
        ...     def _get_relevant_documents(self, query, *, run_manager):
        ...         found = [doc for doc in self.documents if query in doc.page_content]
        ...         return found[: self.k]
        >>> Search(documents=[Document("land"), Document("sea")]).invoke("sea")
        [Document(metadata={}, page_content='sea')]
    """

    run_type: ClassVar[str] = "retriever"
    _known_fields: ClassVar[Fields] = {"name": (str | None, None)}
    name: str | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        """Return the documents for a question."""
        if self._writes("_aget_relevant_documents"):
            raise SyncAsyncError(
                f"{type(self).__name__} is async, so it cannot be run synchronously. "
                "Use `ainvoke` instead of `invoke`. Or define `_get_relevant_documents` as well."
            )
        raise TypeError(f"{type(self).__name__} finds nothing: write `_get_relevant_documents`.")

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        """Return the documents for a question; the sync method, in a worker thread."""
        return await to_thread(self._found, query, {})

    def _writes(self, method: str) -> bool:
        """Tell whether a subclass wrote this method."""
        return getattr(type(self), method) is not getattr(BaseRetriever, method)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return self._found(value, kwargs)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            if not self._writes("_aget_relevant_documents"):
                return await to_thread(self._found, value, kwargs)
            method: Any = type(self)._aget_relevant_documents
            keywords = self._keywords(method, kwargs, AsyncCallbackManagerForRetrieverRun)
            return self._checked(await method(self, value, **keywords))

    def _found(self, query: str, options: dict[str, Any]) -> list[Document]:
        method: Any = type(self)._get_relevant_documents
        keywords = self._keywords(method, options, CallbackManagerForRetrieverRun)
        return self._checked(method(self, query, **keywords))

    def _keywords(
        self, method: Callable[..., Any], options: dict[str, Any], manager: type[Any]
    ) -> dict[str, Any]:
        """Return the keywords of a call.

        Raises:
            ConfigError: an option that the method does not take.
        """
        taken = taken_by(method)
        for name in options:
            if not taken.takes(name):
                known = sorted(taken.names - _NO_OPTIONS)
                if known:
                    raise unknown_option(type(self).__name__, name, known)
                raise ConfigError(
                    f"{self!r} takes no option {name!r}. Make it a field, or a parameter of "
                    f"{method.__name__}."
                )
        return managed(method, options, manager)

    def _checked(self, found: Any) -> list[Document]:
        """Return what a method has found, as a list of documents."""
        is_many = isinstance(found, Iterable) and not isinstance(found, (str, Document))
        documents: list[Any] = list(cast("Iterable[Any]", found)) if is_many else []
        if not is_many or not all(isinstance(document, Document) for document in documents):
            raise TypeError(
                f"{type(self).__name__} returned {found!r}: expected a list of Document."
            )
        return documents

    if not TYPE_CHECKING:  # a checker refuses such names by itself

        def __getattr__(self, name: str) -> Any:
            """Refuse another attribute than it has; say what stands for LangChain's old ones."""
            instead = _INSTEAD.get(name)
            hint = f" Use {instead}." if instead else ""
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}.{hint}")


_INSTEAD: Final = {
    "get_relevant_documents": "retriever.invoke(query)",
    "aget_relevant_documents": "await retriever.ainvoke(query)",
}
