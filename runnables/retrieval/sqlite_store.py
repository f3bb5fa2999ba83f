"""A store of documents in a file of SQLite, which several processes share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from runnables.core.signatures import checks_keywords
from runnables.core.values import Value
from runnables.engine.exclusive import Exclusive
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError
from runnables.prompts.embedding_calls import aembed_documents, embed_documents
from runnables.retrieval.filter_sql import to_sql
from runnables.retrieval.filters import Filter, parse_filter
from runnables.retrieval.matrix_cache import MatrixCache, forget_deleted
from runnables.retrieval.sources import source_filter
from runnables.retrieval.sqlite_database import IN_MEMORY, Database
from runnables.retrieval.sqlite_search import Search, run_search
from runnables.retrieval.sqlite_writes import Plan, Writer
from runnables.retrieval.stored_documents import check_ids, to_document, to_stored
from runnables.retrieval.vector_store import (
    Added,
    Query,
    VectorStore,
    as_queries,
    check_query,
    check_search,
    distinct_strings,
)
from runnables.retrieval.vectors import (
    aembed_queries,
    check_model,
    embed_queries,
    to_unit,
    unit_vectors,
)

if TYPE_CHECKING:
    from array import array

    from runnables.prompts.embedding_calls import EmbedsStrings
    from runnables.retrieval.documents import Document


class SQLiteStore(Value, VectorStore):
    """A store of documents in one file, with their vectors and an index of their words.

    Threads, processes and forks use one file at the same time. What one group of documents changes
    is there as a whole, or not at all, also after a kill or on a full disk; the next call of `add`
    goes on where the last one stopped. The search is exact: it compares the question with all
    vectors, which are kept in memory (with the extra `numpy`, the search is some hundred times
    faster). The file remembers whose vectors it has, and refuses those of another model. A new file
    is readable and writable by its owner alone. `docs/retrieval.md` has its tables.

    `close()`, or leaving its `with`, closes the connections of this process; a later call opens new
    ones.

    Args:
        path: the file, created if it does not exist; ":memory:" is that of `InMemoryVectorStore`.
        embeddings: the model that embeds documents and questions.

    Raises:
        ConfigError: no path, or no model of embeddings.
        StoreError: the file is no store, a damaged one, or one of a newer version of the library;
            nothing was changed then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with SQLiteStore(f"{folder}/docs.db", DeterministicFakeEmbedding(size=8)) as store:
        ...         print(store.add([Document("One"), Document("Two", metadata={"year": 2020})]))
        ...         found = store.search("Two", k=2, filter={"year": {"$gte": 2020}})
        Added(added=2, updated=0, unchanged=0)
        >>> [doc.page_content for doc in found]
        ['Two']
    """

    @checks_keywords
    def __init__(self, path: str | os.PathLike[str], embeddings: EmbedsStrings) -> None:
        owner = type(self).__name__
        given: Any = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(given, str) or not given or "\0" in given:
            raise ConfigError(f"{owner}({path!r}): expected the path of a file.")
        self.path = given
        self.embeddings = check_model(embeddings, owner)
        self._open()

    def _open(self) -> None:
        self._database = Database(self.path)
        self._writer = Writer(self._database, self.embeddings)
        self._caches: dict[int, Exclusive[MatrixCache]] = {}

    def __getstate__(self) -> dict[str, Any]:
        if self.path == IN_MEMORY:
            raise TypeError(
                f"{type(self).__name__} cannot be copied or sent to another process: its documents "
                "are in the memory of this one. Use a SQLiteStore with a file."
            )
        return super().__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._open()

    def __eq__(self, other: object) -> bool:
        return self is other if self.path == IN_MEMORY else super().__eq__(other)

    def __hash__(self) -> int:
        return id(self) if self.path == IN_MEMORY else super().__hash__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of this process, and forget the vectors that were read.

        A later call opens the file again. A store in memory ends.
        """
        self._caches.clear()
        self._database.close()

    def __len__(self) -> int:
        """Return the number of documents."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM docs").fetchone()[0])

    def __bool__(self) -> bool:
        return True  # a store without documents is a store

    # -- add

    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        """Store documents, in place of earlier ones with their ids.

        Documents that are there as they are, and those of which only the metadata changed, are not
        embedded; nor is a string whose vector the store has. Each group is one request and one
        transaction, and nothing is locked while the model works.

        Args:
            docs: the documents, all of which are checked first; of equal ids, the last one counts.
            max_batch_size: how many documents are in a group.

        Raises:
            ConfigError: metadata that JSON cannot hold, a lone surrogate, an empty id.
            StoreError: vectors of another model than the store has; or a file that cannot be
                written. What was stored before stays, and the same call goes on from there.
        """
        plan = self._plan(docs, max_batch_size)
        for group in plan.groups:
            vectors: dict[str, array[float]] = {}
            done: Added | None = None
            while done is None:
                strings = self._writer.unknown_strings(group, vectors)
                vectors |= self._vectors(strings, self._embed(strings))
                done = self._writer.write(group, vectors)
            plan.count(done)
        return plan.result()

    async def aadd(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        """Do what `add` does, async."""
        plan = await to_thread(self._plan, docs, max_batch_size)
        for group in plan.groups:
            vectors: dict[str, array[float]] = {}
            done: Added | None = None
            while done is None:
                strings = await to_thread(self._writer.unknown_strings, group, vectors)
                vectors |= self._vectors(strings, await self._aembed(strings))
                done = await to_thread(self._writer.write, group, vectors)
            plan.count(done)
        return plan.result()

    def _plan(self, docs: Iterable[Document], max_batch_size: int) -> Plan:
        return self._writer.plan(to_stored(docs, f"{type(self).__name__}.add"), max_batch_size)

    def _embed(self, strings: list[str]) -> Any:
        return embed_documents(self.embeddings, strings) if strings else []

    async def _aembed(self, strings: list[str]) -> Any:
        return await aembed_documents(self.embeddings, strings) if strings else []

    def _vectors(self, strings: Sequence[str], found: Any) -> dict[str, array[float]]:
        """Return what the model has returned for some strings, by string."""
        units = unit_vectors(found, len(strings), self.embeddings)
        return dict(zip(strings, units, strict=True))

    # -- search

    def search(
        self,
        query: Query,
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        """Return the documents that are closest to a question; see `VectorStore.search`.

        The results of `mmr` are taken from the `5 * k` closest documents, or the 20 closest.

        Raises:
            ConfigError: a filter or a number that is not valid, or `hybrid` with a vector.
            StoreError: a vector of another model, or a file that cannot be read.
        """
        search = self._checked([query], k, filter, hybrid, mmr)
        vectors = embed_queries(self.embeddings, search.strings)
        return self._found(search, vectors)[0]

    async def asearch(
        self,
        query: Query,
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        """Do what `search` does, async."""
        search = self._checked([query], k, filter, hybrid, mmr)
        vectors = await aembed_queries(self.embeddings, search.strings)
        return (await to_thread(self._found, search, vectors))[0]

    def search_many(
        self,
        queries: Iterable[Query],
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[list[Document]]:
        """Return what `search` returns for each question; see `VectorStore.search_many`."""
        search = self._checked(as_queries(queries), k, filter, hybrid, mmr)
        vectors = embed_queries(self.embeddings, search.strings)
        return self._found(search, vectors)

    async def asearch_many(
        self,
        queries: Iterable[Query],
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[list[Document]]:
        """Do what `search_many` does, async."""
        search = self._checked(as_queries(queries), k, filter, hybrid, mmr)
        vectors = await aembed_queries(self.embeddings, search.strings)
        return await to_thread(self._found, search, vectors)

    def _checked(
        self,
        queries: Sequence[Query],
        k: int,
        filter: Filter | None,
        hybrid: bool,
        mmr: float | None,
    ) -> Search:
        """Return a search; refuse one that cannot be run."""
        check_search(k, filter, mmr)
        for query in queries:
            check_query(query)
            if hybrid and not isinstance(query, str):
                raise ConfigError("hybrid=True: a vector has no words. Search for a string.")
        condition = None if filter is None else parse_filter(filter)
        return Search(queries, distinct_strings(queries), k, condition, hybrid, mmr)

    def _found(self, search: Search, vectors: Sequence[Sequence[float]]) -> list[list[Document]]:
        """Return the documents for each question.

        Args:
            search: the search.
            vectors: the vectors of its strings.
        """
        known = dict(zip(search.strings, vectors, strict=True))
        asked = [known[query] if isinstance(query, str) else query for query in search.queries]
        units = [to_unit(vector, "the vector of the question") for vector in asked]
        with self._database.read() as connection:
            # The first read decides what the transaction sees. It is that of the cache, for which
            # threads wait in turn: no thread gets vectors that are newer than what it sees.
            with self._cache as cache:
                view = cache.refresh(connection)
            self._writer.check_space(connection, *{len(unit) for unit in units})
            return run_search(connection, view, search, units)

    @property
    def _cache(self) -> Exclusive[MatrixCache]:
        """Return the vectors that this process has read; a fork begins anew."""
        process = os.getpid()
        if process not in self._caches:
            self._caches.setdefault(process, Exclusive(MatrixCache()))
        return self._caches[process]

    # -- delete and get

    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        """Remove documents, and return how many there were.

        The file keeps its size; its free pages are used again.

        Args:
            ids: their ids; those that are not there count for nothing.
            filter: what their metadata say; with both, they must fulfil both.

        Raises:
            ConfigError: neither ids nor a filter, or an empty filter; nothing is removed then.
            StoreError: the file cannot be written.
        """
        owner = f"{type(self).__name__}.delete"
        if ids is None and filter is None:
            raise ConfigError(f"{owner}() would remove all documents. Name ids, or a filter.")
        parts: list[str] = []
        values: list[Any] = []
        if ids is not None:
            parts.append("id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(check_ids(ids, owner)))
        if filter is not None:
            text, more = to_sql(parse_filter(filter))
            parts.append(text)
            values.extend(more)
        with self._database.write() as connection:
            deleted = connection.execute(f"DELETE FROM docs WHERE {' AND '.join(parts)}", values)
            forget_deleted(connection)
            return deleted.rowcount

    def get(self, ids: Iterable[str]) -> list[Document]:
        """Return the documents with these ids, in their order, without those that are not there.

        Args:
            ids: the ids.

        Raises:
            ConfigError: one string, or something that is no string.
            StoreError: the file cannot be read.
        """
        wanted = check_ids(ids, f"{type(self).__name__}.get")
        query = "SELECT id, text, metadata FROM docs WHERE id IN (SELECT value FROM json_each(?))"
        with self._database.read() as connection:
            rows = connection.execute(query, (json.dumps(wanted),)).fetchall()
        found = {id: to_document(id, text, metadata) for id, text, metadata in rows}
        return [found[id] for id in wanted if id in found]

    def _ids_of_source(self, source: str) -> list[str]:
        text, values = to_sql(parse_filter(source_filter(source)))
        with self._database.read() as connection:
            return [id for (id,) in connection.execute(f"SELECT id FROM docs WHERE {text}", values)]
