"""The base of retrievers: a question in, documents out.

A retriever that can find for many questions at once says so by a method. It is not a bulk step
itself, as each row has a run of its own in events: it has one inside (`_Search`), which all rows
of a batch go into, each from within its run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from runnables.compose.runnable import Runnable
from runnables.core.config import Scope, activate
from runnables.core.options import unknown_option
from runnables.core.rows import Routine, Step
from runnables.core.run_managers import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
    managed,
    taken_by,
)
from runnables.core.with_fields import WithFields
from runnables.engine.rows import Failed
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError
from runnables.retrieval.documents import Document

if TYPE_CHECKING:
    from runnables.core.fields import Fields

_NO_OPTIONS: Final = frozenset({"self", "query", "queries", "run_manager", "kwargs"})

_ONE: Final = ("_get_relevant_documents", "_aget_relevant_documents")
_MANY: Final = ("_get_relevant_documents_batch", "_aget_relevant_documents_batch")

Found = Sequence[Sequence[Document] | Exception]
"""The documents for each of several questions; an error, where only that question failed."""


class BaseRetriever(WithFields, Runnable[str, list[Document]], internal=True):
    """A runnable that finds documents for a question.

    A subclass writes fields (see `RunnableSerializable`) and `_get_relevant_documents`, or
    `_aget_relevant_documents`, or both. A `run_manager` is passed to those that take one; more
    parameters are options of the call. Its runs are of the type "retriever" in events.

    A retriever that finds for many questions in one call, as a store does that embeds them in one
    request, writes `_get_relevant_documents_batch`, too, or
    `_aget_relevant_documents_batch`, or both. In a batch they get the questions of many rows,
    wherever the retriever is in the chain; each row still has a run of its own. A subclass that
    overrides a method for one question alone is asked one question at a time, so that its method
    counts.

    Attributes:
        name: its name in events and error notes; by default that of the class.
        max_batch_size: how many questions go into one call of the methods for many, at most; a
            subclass may set it, or make it a field.

    Raises:
        ConfigError: a required field is not given, a keyword is no field, or a value does not fit.
        TypeError: when a subclass is made that has a sync method for one question, and for many
            an async one only.

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
    max_batch_size: int = 256
    _known_fields: ClassVar[Fields] = {"name": (str | None, None)}
    _finds_many: ClassVar[bool] = False
    name: str | None = None

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Note whether a class finds for many questions at once.

        Raises:
            TypeError: it does so in async calls alone, and has a sync method for one question.
        """
        super().__init_subclass__(internal=internal, **kwargs)
        cls._finds_many = _finds_many(cls)
        if cls._finds_many and not _writes(cls, _MANY[0]) and _writes(cls, _ONE[0]):
            raise TypeError(
                f"{cls.__name__} has `{_ONE[0]}`, and for many questions only `{_MANY[1]}`: its "
                f"sync batches would ask one question after another. Write `{_MANY[0]}`, too."
            )

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        """Return the documents for a question."""
        if self._writes(_ONE[1]) or self._writes(_MANY[1]):
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

    def _get_relevant_documents_batch(
        self, queries: Sequence[str], *, run_manager: CallbackManagerForRetrieverRun
    ) -> Found:
        """Return the documents for each of many questions, in order; an error where one failed."""
        raise NotImplementedError

    async def _aget_relevant_documents_batch(
        self, queries: Sequence[str], *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> Found:
        """Return the documents for each of many questions; the sync method, in a worker thread."""
        raise NotImplementedError

    def _writes(self, method: str) -> bool:
        """Tell whether a subclass wrote this method."""
        return _writes(type(self), method)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return self._found(value, kwargs)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            if self._writes(_ONE[1]):
                method: Any = type(self)._aget_relevant_documents
                keywords = self._keywords(method, kwargs, AsyncCallbackManagerForRetrieverRun)
                return self._checked(await method(self, value, **keywords))
            if self._writes(_MANY[1]) and not self._writes(_ONE[0]):
                return self._only(await self._afound_many([value], kwargs))
            return await to_thread(self._found, value, kwargs)

    def _found(self, query: str, options: dict[str, Any]) -> list[Document]:
        if self._writes(_MANY[0]) and not self._writes(_ONE[0]):
            return self._only(self._found_many([query], options))
        method: Any = type(self)._get_relevant_documents
        keywords = self._keywords(method, options, CallbackManagerForRetrieverRun)
        return self._checked(method(self, query, **keywords))

    def _only(self, found: list[Any]) -> list[Document]:
        """Return what was found for the only question."""
        if isinstance(found[0], Failed):
            raise found[0].error
        documents: list[Document] = found[0]
        return documents

    # -- many questions

    def _row_steps(self) -> Iterable[Any]:
        return (_Search(self),) if self._finds_many and self.max_batch_size > 1 else ()

    def _takes_many(self) -> bool:
        return False

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        return (yield Step(_Search(self), value, scope.config, kwargs))

    def _found_many(self, queries: Sequence[str], options: dict[str, Any]) -> list[Any]:
        """Return the documents for each question, with `Failed` where there is an error."""
        if not self._writes(_MANY[0]):
            return [self._found(query, options) for query in queries]
        method: Any = type(self)._get_relevant_documents_batch
        keywords = self._keywords(method, options, CallbackManagerForRetrieverRun)
        return self._checked_many(queries, method(self, queries, **keywords))

    async def _afound_many(self, queries: Sequence[str], options: dict[str, Any]) -> list[Any]:
        """Return the documents for each question, with `Failed` where there is an error."""
        if not self._writes(_MANY[1]):
            return await to_thread(self._found_many, queries, options)
        method: Any = type(self)._aget_relevant_documents_batch
        keywords = self._keywords(method, options, AsyncCallbackManagerForRetrieverRun)
        return self._checked_many(queries, await method(self, queries, **keywords))

    def _checked_many(self, queries: Sequence[str], found: Any) -> list[Any]:
        """Return what a method has found for many questions, as lists of documents or `Failed`."""
        lists: list[Any] = list(found) if _is_iterable(found) else [found]
        if len(lists) != len(queries) or any(isinstance(one, Document) for one in lists):
            raise TypeError(
                f"{type(self).__name__} returned {found!r} for {len(queries)} questions: expected "
                "a list of documents for each of them, in order."
            )
        return [Failed(one) if isinstance(one, Exception) else self._checked(one) for one in lists]

    # -- what a method takes and returns

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


@dataclass(frozen=True, slots=True)
class _Search:
    """The bulk step inside a retriever, which finds for the questions of many rows at once.

    Attributes:
        retriever: the retriever.
    """

    retriever: BaseRetriever
    run_type: ClassVar[str] = "retriever"
    streams_input: ClassVar[bool] = False
    _has_own_run: ClassVar[bool] = False

    def __repr__(self) -> str:
        return repr(self.retriever)

    @property
    def max_batch_size(self) -> int:
        """Return how many questions it takes at most."""
        return self.retriever.max_batch_size

    def get_name(self) -> str:
        """Return the retriever's name."""
        return self.retriever.get_name()

    def _takes_many(self) -> bool:
        return True

    def _row_steps(self) -> Iterable[Any]:
        return ()

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        with activate(scope):
            return self.retriever._found_many(values, kwargs)

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        with activate(scope):
            return await self.retriever._afound_many(values, kwargs)


def _is_iterable(value: Any) -> bool:
    return isinstance(value, Iterable)


def _writes(cls: type[BaseRetriever], method: str) -> bool:
    """Tell whether a class or one of its bases wrote this method."""
    return getattr(cls, method) is not getattr(BaseRetriever, method)


def _finds_many(cls: type[BaseRetriever]) -> bool:
    """Tell whether the last class that says how documents are found does so for many questions."""
    for kind in cls.__mro__:
        if kind is BaseRetriever:
            break
        written = vars(kind).keys()
        if not written.isdisjoint(_MANY):
            return True
        if not written.isdisjoint(_ONE):
            break
    return False


_INSTEAD: Final = {
    "get_relevant_documents": "retriever.invoke(query)",
    "aget_relevant_documents": "await retriever.ainvoke(query)",
}
