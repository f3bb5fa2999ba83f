"""The clients: the only module that imports the HTTP library, aiohttp, to send requests.

A client belongs to an event loop. The first call on the loop makes it. It is closed when the loop
shuts down its asynchronous generators, as `asyncio.run` does at the end. If a loop was closed
without that, the next new client closes the sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import io
import os
import socket
import ssl
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aiohttp
from yarl import URL

from runnables.engine.thread_calls import to_thread
from runnables_providers._http.environment import proxy_for, tls_context
from runnables_providers._http.timeouts import TimeoutWatcher

if TYPE_CHECKING:
    from runnables_providers._http.types import ClientConfig, Request

KEEPALIVE_SECONDS: Final = 60.0
"""How long an idle connection is kept: shorter than routers on the way remember it."""
TCP_PROBE_SECONDS: Final = 60
"""The silence after which the system probes the connection; an answer may take long."""
MAX_INLINE_BODY: Final = 2**20
"""Bytes of a body from which on aiohttp warns, unless it gets a file."""

_Key: TypeAlias = tuple[str | None, str | None, bool]


class _UsedConnection:
    """Connection that a request uses.

    Attributes:
        transport: the transport; None until there is a connection.
        reused: whether the connection has served another request before.
    """

    __slots__ = ("reused", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.reused = False

    def abort(self) -> None:
        """Close the transport without sending the rest of its buffer."""
        if self.transport is not None:
            self.transport.abort()


_used_connection: contextvars.ContextVar[_UsedConnection | None] = contextvars.ContextVar(
    "_used_connection", default=None
)


class _Connector(aiohttp.TCPConnector):
    """Connector that notes in `_used_connection` which connection a request uses."""

    served: weakref.WeakSet[Any]
    """Connections that have served a request."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        connection = await super().connect(*args, **kwargs)
        used, transport = _used_connection.get(), connection.transport
        if used is not None and transport is not None:
            used.transport = transport
            used.reused = connection.protocol in self.served  # uvloop's transports take no weakref
            if not used.reused:
                self.served.add(connection.protocol)
        return connection


def _is_stale(error: BaseException) -> bool:
    """Tell whether a connection was closed before any byte of a response came."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it is the start of a head
    return isinstance(error, aiohttp.ClientOSError)


class Client:
    """Pool of connections on one loop, without a limit: the callers limit their own calls.

    Attributes:
        key: the part of the configuration that selects the client.
        loop: the loop that it belongs to.
        timeouts: the watcher of the calls that wait for it.
    """

    def __init__(self, config: ClientConfig, key: _Key, context: ssl.SSLContext) -> None:
        self._config = config
        self.key = key
        self.loop = asyncio.get_running_loop()
        self.timeouts = TimeoutWatcher(self.loop)
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._proxies: dict[tuple[str, str, int], str | None] = {}
        self._tls_context = context
        self._session = self._new_session(keepalive_timeout=KEEPALIVE_SECONDS)
        self._unpooled: aiohttp.ClientSession | None = None
        self._closer = self._close_with_loop()

    def _new_session(self, **pooling: Any) -> aiohttp.ClientSession:
        connector = _Connector(
            limit=0,
            ssl=self._tls_context,
            resolver=aiohttp.ThreadedResolver(),
            socket_factory=self._new_socket,
            **pooling,
        )
        connector.served = weakref.WeakSet()
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "runnables"},
        )

    def _new_socket(self, address: Any) -> socket.socket:
        made = socket.socket(*address[:3])
        self._sockets.add(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name in (
            "TCP_KEEPIDLE",
            "TCP_KEEPALIVE",
            "TCP_KEEPINTVL",
        ):  # the names differ by system
            if hasattr(socket, name):
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), TCP_PROBE_SECONDS)
        return made

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        """Wait until the loop shuts down its generators; then close the client."""
        try:
            yield
        finally:
            _forget(self)
            await self._session.close()
            if self._unpooled is not None:
                await self._unpooled.close()

    async def open(self) -> None:
        """Start the generator, so that the loop knows it and shuts it down."""
        await anext(self._closer)

    async def request(self, request: Request, connect: float | None) -> aiohttp.ClientResponse:
        """Send a request; return the head of the response, whose body is still to come.

        A server may close an idle connection just when it is reused. It has not read the request
        then, so the request is sent once more, on a new connection. (A server that read it and
        closed without a response looks the same; curl and browsers resend, too.)

        Args:
            request: the request.
            connect: the seconds within which there must be a connection; None: no limit.
        """
        used = _UsedConnection()
        token = _used_connection.set(used)
        try:
            return await self._send(self._session, request, connect)
        except BaseException as error:
            used.abort()
            if not (used.reused and _is_stale(error)):
                raise
            if self._unpooled is None:
                self._unpooled = self._new_session(force_close=True)
            try:
                return await self._send(self._unpooled, request, connect)
            except BaseException:
                used.abort()
                raise
        finally:
            with contextlib.suppress(ValueError):  # a coroutine may be closed in another context
                _used_connection.reset(token)

    def _send(
        self, session: aiohttp.ClientSession, request: Request, connect: float | None
    ) -> Awaitable[aiohttp.ClientResponse]:
        url = _url(request.url)
        body = request.body
        return session.request(
            request.method,
            url,
            headers=request.headers,
            data=body if len(body) < MAX_INLINE_BODY else io.BytesIO(body),
            proxy=self._proxy(url),
            timeout=_connect_timeout(connect),
            allow_redirects=False,  # that would send the key to any host that the server names
        )

    def _proxy(self, url: URL) -> str | None:
        origin = url.scheme, url.host or "", url.port or 0
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(self._config, *origin)
        return self._proxies[origin]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._closer.aclose()

    def close_sockets(self) -> None:
        """Close the sockets of a client on a closed loop."""
        for sock in list(self._sockets):
            sock.close()
        for session in filter(None, (self._session, self._unpooled)):
            connector = session.connector
            session.detach()
            if connector is not None:  # on a closed loop, close() does not wait
                with contextlib.suppress(StopIteration):
                    connector.close().__await__().send(None)

    def abandon_in_child(self) -> None:
        """Close the sockets that a forked child inherited, and touch nothing else.

        The child shares the loop and its selector with the parent. Deleting an object here would
        remove the connections of the parent from that selector, so the client is never deleted.
        """
        for sock in list(self._sockets):
            sock.close()
        leak_on_purpose(self)


def leak_on_purpose(value: object) -> None:
    """Keep an object from ever being deleted."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


@lru_cache(256)
def _url(url: str) -> URL:
    return URL(url)


@lru_cache(32)
def _connect_timeout(seconds: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)


# --- the clients of all loops -----------------------------------------------------------------

_clients: dict[asyncio.AbstractEventLoop, dict[_Key, Client]] = {}
_tls_contexts: dict[_Key, ssl.SSLContext] = {}
_tls_lock = threading.Lock()


def _tls_context(config: ClientConfig, key: _Key) -> ssl.SSLContext:
    """Return the TLS context for a configuration; all loops share it, as reading takes 15 ms."""
    with _tls_lock:  # the first calls of a process may come at once
        if key not in _tls_contexts:
            _tls_contexts[key] = tls_context(config)
        return _tls_contexts[key]


async def client_of(config: ClientConfig) -> Client:
    """Return the client of the running loop for a configuration; the first call makes it."""
    loop = asyncio.get_running_loop()
    key = config.proxy, config.ca_file, config.verify
    clients = _clients.get(loop)
    if clients is not None and (client := clients.get(key)) is not None:
        return client
    context = _tls_contexts.get(key)
    if context is None:
        context = await to_thread(_tls_context, config, key)
    _close_clients_of_closed_loops()
    clients = _clients.setdefault(loop, {})
    if key not in clients:  # another call may have made it meanwhile
        clients[key] = client = Client(config, key, context)
        await client.open()
    return clients[key]


def _forget(client: Client) -> None:
    clients = _clients.get(client.loop, {})
    clients.pop(client.key, None)
    if not clients:
        _clients.pop(client.loop, None)


def _close_clients_of_closed_loops() -> None:
    for loop in [loop for loop in list(_clients) if loop.is_closed()]:
        for client in _clients.pop(loop, {}).values():
            client.close_sockets()


async def aclose_clients() -> None:
    """Close the clients of the running loop."""
    for client in list(_clients.pop(asyncio.get_running_loop(), {}).values()):
        await client.aclose()


def _after_fork_in_child() -> None:
    global _tls_lock
    _tls_lock = threading.Lock()  # a thread that does not exist here may hold the parent's
    for clients in _clients.values():
        for client in clients.values():
            client.abandon_in_child()
    _clients.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
