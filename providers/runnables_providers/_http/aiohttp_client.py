"""The clients: the only module that knows the HTTP library, which is aiohttp.

A client belongs to an event loop. It is made by the first call there, and closed when the loop
shuts down its asynchronous generators, as `asyncio.run` has it do at its end; of a loop that was
closed without, the sockets are closed when a client is made next.
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

KEPT_SECONDS: Final = 60.0
"""How long an idle connection is kept: less than what routers on the way forget."""
SILENCE_SECONDS: Final = 60
"""After so much silence the system asks whether the other end is there; an answer may take long."""
LARGE: Final = 2**20
"""Bytes of a body that aiohttp wants to have as a file, or it warns."""

_Key: TypeAlias = tuple[str | None, str | None, bool]


class _Taken:
    """The connection that a request was given.

    Attributes:
        transport: None while there is none.
        again: whether it served another request before.
    """

    __slots__ = ("again", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.again = False

    def drop(self) -> None:
        """Close it at once: it was closed, but may still have a body to send."""
        if self.transport is not None:
            self.transport.abort()


_taken: contextvars.ContextVar[_Taken | None] = contextvars.ContextVar("_taken", default=None)


class _Connector(aiohttp.TCPConnector):
    """Tells a request which connection it was given."""

    known: weakref.WeakSet[Any]
    """Connections that have served a request."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        connection = await super().connect(*args, **kwargs)
        taken, transport = _taken.get(), connection.transport
        if taken is not None and transport is not None:
            taken.transport = transport
            taken.again = connection.protocol in self.known  # uvloop's transports take no weakref
            if not taken.again:
                self.known.add(connection.protocol)
        return connection


def _is_stale(error: BaseException) -> bool:
    """Whether a connection was closed before anything of an answer came."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it is the beginning of a head
    return isinstance(error, aiohttp.ClientOSError)


class Client:
    """A pool of connections on one loop, without a limit: who calls decides how many there are.

    Attributes:
        loop: where it belongs.
        key: what else it is found by.
        watch: looks after what waits for it.
    """

    def __init__(self, setup: ClientConfig, key: _Key, context: ssl.SSLContext) -> None:
        self._setup = setup
        self.key = key
        self.loop = asyncio.get_running_loop()
        self.watch = TimeoutWatcher(self.loop)
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._proxies: dict[tuple[str, str, int], str | None] = {}
        self._context = context
        self._session = self._made(keepalive_timeout=KEPT_SECONDS)
        self._unpooled: aiohttp.ClientSession | None = None
        self._guard = self._guarded()

    def _made(self, **pooling: Any) -> aiohttp.ClientSession:
        connector = _Connector(
            limit=0,
            ssl=self._context,
            resolver=aiohttp.ThreadedResolver(),
            socket_factory=self._socket,
            **pooling,
        )
        connector.known = weakref.WeakSet()
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "runnables"},
        )

    def _socket(self, address: Any) -> socket.socket:
        made = socket.socket(*address[:3])
        self._sockets.add(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):  # as the system calls it
            if hasattr(socket, name):
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), SILENCE_SECONDS)
        return made

    async def _guarded(self) -> AsyncGenerator[None, None]:
        """Stays open until the loop shuts its generators down, which closes the client."""
        try:
            yield
        finally:
            _forget(self)
            await self._session.close()
            if self._unpooled is not None:
                await self._unpooled.close()

    async def open(self) -> None:
        """Have the loop know the guard."""
        await anext(self._guard)

    async def request(self, request: Request, connect: float | None) -> aiohttp.ClientResponse:
        """Send a request; gives the head of the answer, whose body is still to come.

        A server may close an idle connection just when it is used again: it has not read the
        request then, which is sent once more, on a new connection. (That the server has read it
        and closed without a word looks the same; curl and browsers take it so, too.)

        Args:
            connect: how many seconds it may take until there is a connection.
        """
        taken = _Taken()
        token = _taken.set(taken)
        try:
            return await self._sent(self._session, request, connect)
        except BaseException as error:
            taken.drop()
            if not (taken.again and _is_stale(error)):
                raise
            if self._unpooled is None:
                self._unpooled = self._made(force_close=True)
            try:
                return await self._sent(self._unpooled, request, connect)
            except BaseException:
                taken.drop()
                raise
        finally:
            with contextlib.suppress(ValueError):  # whoever closes us may be in another context
                _taken.reset(token)

    def _sent(
        self, session: aiohttp.ClientSession, request: Request, connect: float | None
    ) -> Awaitable[aiohttp.ClientResponse]:
        url = _url(request.url)
        body = request.body
        return session.request(
            request.method,
            url,
            headers=request.headers,
            data=body if len(body) < LARGE else io.BytesIO(body),
            proxy=self._proxy(url),
            timeout=_connecting(connect),
            allow_redirects=False,  # it would carry the key to whoever is named
        )

    def _proxy(self, url: URL) -> str | None:
        place = url.scheme, url.host or "", url.port or 0
        if place not in self._proxies:
            self._proxies[place] = proxy_for(self._setup, *place)
        return self._proxies[place]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._guard.aclose()

    def drop(self) -> None:
        """Close what a client has on a loop that will not run again."""
        for it in list(self._sockets):
            it.close()
        for session in filter(None, (self._session, self._unpooled)):
            connector = session.connector
            session.detach()
            if connector is not None:  # on a closed loop, closing it waits for nothing
                with contextlib.suppress(StopIteration):
                    connector.close().__await__().send(None)

    def orphan(self) -> None:
        """In a forked child: close our copies of the parent's sockets, and touch nothing else.

        The parent's loop and its selector are shared with it. Whatever is deleted here would take
        its connections out of that, so it is kept for ever.
        """
        for it in list(self._sockets):
            it.close()
        leak_on_purpose(self)


def leak_on_purpose(it: object) -> None:
    """Have it never deleted."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(it))


@lru_cache(256)
def _url(url: str) -> URL:
    return URL(url)


@lru_cache(32)
def _connecting(seconds: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)


# --- which client -----------------------------------------------------------------------------

_clients: dict[asyncio.AbstractEventLoop, dict[_Key, Client]] = {}
_contexts: dict[_Key, ssl.SSLContext] = {}
_reading = threading.Lock()


def _context(setup: ClientConfig, key: _Key) -> ssl.SSLContext:
    """What all loops use for such a setup: to read the certificates takes 15 ms."""
    with _reading:  # the first calls of a process come together
        if key not in _contexts:
            _contexts[key] = tls_context(setup)
        return _contexts[key]


async def client_of(setup: ClientConfig) -> Client:
    """The client of the running loop for such a setup; made by the first call."""
    loop = asyncio.get_running_loop()
    key = setup.proxy, setup.ca_file, setup.verify
    mine = _clients.get(loop)
    if mine is not None and (client := mine.get(key)) is not None:
        return client
    context = _contexts.get(key)
    if context is None:
        context = await to_thread(_context, setup, key)
    _drop_closed()
    mine = _clients.setdefault(loop, {})
    if key not in mine:  # another call may have made it meanwhile
        mine[key] = client = Client(setup, key, context)
        await client.open()
    return mine[key]


def _forget(client: Client) -> None:
    mine = _clients.get(client.loop, {})
    mine.pop(client.key, None)
    if not mine:
        _clients.pop(client.loop, None)


def _drop_closed() -> None:
    for loop in [it for it in list(_clients) if it.is_closed()]:
        for client in _clients.pop(loop, {}).values():
            client.drop()


async def aclose_clients() -> None:
    """Close the clients of the running loop."""
    for client in list(_clients.pop(asyncio.get_running_loop(), {}).values()):
        await client.aclose()


def _enter_child() -> None:
    global _reading
    _reading = threading.Lock()  # the parent's may be held by a thread that is not here
    for clients in _clients.values():
        for client in clients.values():
            client.orphan()
    _clients.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_enter_child)
