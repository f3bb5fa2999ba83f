"""A store of documents in Qdrant, for more of them than one process holds in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self, cast

from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError, StoreError
from runnables.retrieval.filters import Filter, parse_filter
from runnables.retrieval.mmr import pick_diverse
from runnables.retrieval.qdrant_filters import INDEXED, SHOWN, of_source, payload_of, to_qdrant
from runnables.retrieval.stored_documents import check_ids, to_document, to_stored
from runnables.retrieval.vector_store import Added, Query, VectorStore, check_query, check_search
from runnables.retrieval.vectors import (
    check_model,
    embed_queries,
    to_unit,
    unit_vectors,
    vector_space,
)

if TYPE_CHECKING:
    from array import array

    from runnables.prompts.embedding_calls import EmbedsStrings
    from runnables.retrieval.documents import Document
    from runnables.retrieval.stored_documents import StoredDocument

_NAMESPACE: Final = uuid.UUID("6a0f4a3e-8f0f-5d0a-9d56-3b7b3c1de0a1")
_PAGE: Final = 1_000
_CANDIDATES: Final = 20
"""Of how many results `mmr` chooses, at least."""


class QdrantStore(VectorStore):
    """A store of documents in a collection of Qdrant: a server, which many processes share.

    It needs the extra `qdrant`. The collection is made when the first document is added; it
    remembers whose vectors it has, and those of another model are refused. The search is Qdrant's
    own, which is approximate in large collections. There is no hybrid search, and filters compare
    no strings by order. The async methods work in threads. Errors of the server are Qdrant's own.

    `close()`, or leaving its `with`, closes a client that the store has made.

    Args:
        client: the URL of a server, ":memory:" for tests, or a `qdrant_client.QdrantClient`, which
            has the key of a server.
        embeddings: the model that embeds documents and questions.
        collection: the name of the collection.

    Raises:
        MissingExtra: qdrant-client is not installed.
        ConfigError: no client, no model of embeddings, or no name.

    Example:
        >>> with QdrantStore(":memory:", DeterministicFakeEmbedding(size=8)) as store:
        ...     print(store.add([Document("One"), Document("Two", metadata={"year": 2020})]))
        ...     found = store.search("Two", filter={"year": {"$gte": 2020}})
        Added(added=2, updated=0, unchanged=0)
        >>> [doc.page_content for doc in found]
        ['Two']
    """

    @checks_keywords
    def __init__(
        self, client: Any, embeddings: EmbedsStrings, collection: str = "documents"
    ) -> None:
        if not isinstance(cast("object", collection), str) or not collection:
            raise ConfigError(f"QdrantStore(collection={collection!r}): expected a name.")
        self.embeddings = check_model(embeddings, "QdrantStore")
        self.collection = collection
        self._owns_client = isinstance(client, str)
        self._models: Any = _require("qdrant_client.models")
        self._client: Any = _connected(client)
        self._size: int | None = None

    def __repr__(self) -> str:
        return f"QdrantStore(collection={self.collection!r}, embeddings={self.embeddings!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the client, if the store has made it; the store cannot be used afterwards."""
        if self._owns_client:
            self._client.close()

    # -- add

    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        """Store documents, in place of earlier ones with their ids; see `VectorStore.add`.

        Args:
            docs: the documents, all of which are checked first; of equal ids, the last one counts.
            max_batch_size: how many documents are embedded by one request, and stored together.

        Raises:
            ConfigError: metadata that JSON cannot hold, a lone surrogate, an empty id.
            StoreError: the collection has vectors of another model.
        """
        if not isinstance(cast("object", max_batch_size), int) or max_batch_size < 1:
            raise ConfigError(f"max_batch_size={max_batch_size!r}: expected 1 or more.")
        stored = to_stored(docs, "QdrantStore.add")
        totals = [0, 0, 0]
        for group in _groups(stored, max_batch_size):
            totals = [sum(pair) for pair in zip(totals, self._add(group), strict=True)]
        return Added(*totals)

    def _add(self, group: Sequence[StoredDocument]) -> Added:
        """Store one group."""
        known = self._payloads([doc.id for doc in group])
        stored = {id: payload["text"] for id, payload in known.items()}
        new = [doc for doc in group if stored.get(doc.id) != doc.text]
        same_text = [doc for doc in group if stored.get(doc.id) == doc.text]
        changed = [doc for doc in same_text if not doc.has_metadata(known[doc.id]["metadata"])]
        if new:
            found = self.embeddings.embed_documents([doc.text for doc in new])
            self._upsert(new, unit_vectors(found, len(new), self.embeddings))
        for doc in changed:
            payload, point = payload_of(doc), _point(doc.id)
            self._client.overwrite_payload(self.collection, payload=payload, points=[point])
        added = sum(doc.id not in known for doc in new)
        updated = len(new) - added + len(changed)
        return Added(added, updated, len(group) - added - updated)

    def _upsert(self, docs: Sequence[StoredDocument], vectors: Sequence[array[float]]) -> None:
        if self._exists():
            self._check_size(len(vectors[0]))
        else:
            self._create(len(vectors[0]))
        points = [
            self._models.PointStruct(
                id=_point(doc.id), vector=vector.tolist(), payload=payload_of(doc)
            )
            for doc, vector in zip(docs, vectors, strict=True)
        ]
        self._client.upsert(self.collection, points=points)

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

        Args:
            query: the question, or its vector.
            k: how many documents to return, at most.
            filter: what the metadata must say; strings are compared for being equal alone.
            hybrid: not possible here.
            mmr: a number from 0 to 1, for results that differ among themselves.

        Raises:
            ConfigError: a filter or a number that is not valid, or `hybrid=True`.
            StoreError: the vector is one of another model.
        """
        check_search(k, filter, mmr)
        if hybrid:
            raise ConfigError(
                "QdrantStore has no hybrid search: leave it out, or use a SQLiteStore."
            )
        wanted = None if filter is None else to_qdrant(parse_filter(filter), self._models)
        asked = check_query(query)
        vector = embed_queries(self.embeddings, [asked])[0] if isinstance(asked, str) else asked
        unit = to_unit(vector, "the vector of the question").tolist()
        if not self._exists():
            return []
        self._check_size(len(unit))
        points = self._client.query_points(
            self.collection,
            query=unit,
            query_filter=wanted,
            limit=k if mmr is None else max(5 * k, _CANDIDATES),
            with_payload=SHOWN,
            with_vectors=mmr is not None,
        ).points
        if mmr is not None:
            scores, vectors = [each.score for each in points], [each.vector for each in points]
            points = [points[index] for index in pick_diverse(scores, vectors, k, mmr)]
        return [_document(point.payload, point.score) for point in points]

    # -- delete and get

    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        """Remove documents, and return how many there were; see `VectorStore.delete`.

        Args:
            ids: their ids; those that are not there count for nothing.
            filter: what their metadata say; with both, they must fulfil both.

        Raises:
            ConfigError: neither ids nor a filter, or an empty filter; nothing is removed then.
        """
        if ids is None and filter is None:
            raise ConfigError("QdrantStore.delete() would remove all. Name ids, or a filter.")
        must: list[Any] = []
        if ids is not None:
            points = [_point(id) for id in check_ids(ids, "QdrantStore.delete")]
            must.append(self._models.HasIdCondition(has_id=points))
        if filter is not None:
            must.append(to_qdrant(parse_filter(filter), self._models))
        if not self._exists():
            return 0
        wanted = self._models.Filter(must=must)
        count = self._client.count(self.collection, count_filter=wanted, exact=True).count
        self._client.delete(self.collection, self._models.FilterSelector(filter=wanted))
        return int(count)

    def get(self, ids: Iterable[str]) -> list[Document]:
        """Return the documents with these ids, in their order; see `VectorStore.get`.

        Args:
            ids: the ids.

        Raises:
            ConfigError: one string, or something that is no string.
        """
        wanted = check_ids(ids, "QdrantStore.get")
        found = self._payloads(wanted)
        return [_document(found[id], None) for id in wanted if id in found]

    def _payloads(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what is stored of documents, by their ids."""
        if not ids or not self._exists():
            return {}
        points = [_point(id) for id in ids]
        found = self._client.retrieve(self.collection, points, with_payload=SHOWN)
        return {record.payload["id"]: record.payload for record in found}

    def _ids_of_source(self, source: str) -> list[str]:
        ids: list[str] = []
        offset: Any = None
        while self._exists():
            found, offset = self._client.scroll(
                self.collection,
                scroll_filter=of_source(source, self._models),
                limit=_PAGE,
                offset=offset,
                with_payload=["id"],
            )
            ids += [record.payload["id"] for record in found]
            if offset is None:
                break
        return ids

    # -- the collection

    def _exists(self) -> bool:
        """Tell whether the collection is there; check, the first time, whose vectors it has."""
        if self._size is None and self._client.collection_exists(self.collection):
            config: Any = self._client.get_collection(self.collection).config
            known: dict[str, Any] = config.metadata or {}
            there = known.get("vector_space")
            space = vector_space(self.embeddings)
            if None not in (there, space) and there != space:
                raise StoreError(
                    f"The collection {self.collection!r} has vectors of {there}, and the model of "
                    f"this store makes those of {space}. Use another collection."
                )
            self._size = int(config.params.vectors.size)
        return self._size is not None

    def _create(self, size: int) -> None:
        # vectors have length 1, so the dot product is the cosine; zeros stay zeros
        vectors = self._models.VectorParams(size=size, distance=self._models.Distance.DOT)
        space = vector_space(self.embeddings)
        try:
            self._client.create_collection(
                self.collection,
                vectors_config=vectors,
                metadata=None if space is None else {"vector_space": space},
            )
        except Exception:
            if not self._exists():  # else another process was faster
                raise
            self._check_size(size)
            return
        self._size = size
        if self._client.init_options.get("location") != ":memory:":
            for field in INDEXED:
                self._client.create_payload_index(self.collection, field, "keyword")

    def _check_size(self, size: int) -> None:
        if size != self._size:
            raise StoreError(
                f"The collection {self.collection!r} has vectors of the length {self._size}, and "
                f"this one has {size} numbers: it is of another model."
            )


def _require(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        from runnables.core.installation import missing_extra  # most programs miss nothing

        raise missing_extra("QdrantStore", "qdrant-client", "qdrant") from None


def _connected(client: Any) -> Any:
    """Return a client of a server.

    Raises:
        ConfigError: it is none.
    """
    kind: Any = _require("qdrant_client").QdrantClient
    if isinstance(client, str) and client:
        return kind(client)
    if not isinstance(client, kind):
        raise ConfigError(
            f"QdrantStore(client={client!r}): expected the URL of a server, or a QdrantClient."
        )
    return client


def _point(id: str) -> str:
    """Return the id of a point, which is a UUID, for that of a document."""
    return str(uuid.uuid5(_NAMESPACE, id))


def _document(payload: Any, score: float | None) -> Document:
    return to_document(payload["id"], payload["text"], payload["metadata"], score)


def _groups(docs: Iterable[StoredDocument], size: int) -> Iterator[list[StoredDocument]]:
    left = iter(docs)
    while group := list(islice(left, size)):
        yield group
