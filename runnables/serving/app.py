"""Applications that serve chains: one of its own, or routes for another one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from runnables.core.installation import missing_extra
from runnables.errors import ConfigError

try:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Mount, Route
except ImportError:
    raise missing_extra("Serving chains", "starlette", "serve") from None

from runnables.serving.docs_page import docs_route
from runnables.serving.guard import LOOPBACK, Guard
from runnables.serving.openai_endpoints import openai_routes
from runnables.serving.openapi import describe
from runnables.serving.page_endpoints import page_routes
from runnables.serving.playground import index_routes, open_paths, playground_routes
from runnables.serving.protocols import chosen_protocols
from runnables.serving.rest_endpoints import rest_routes
from runnables.serving.service import Limits, ServedChain, Service, served

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from runnables.serving.chat_input import ToInput
    from runnables.serving.kept_runs import Resume
    from runnables.serving.protocols import ProtocolName


def create_app(
    chains: Any,
    *,
    name: str | None = None,
    to_input: ToInput | None = None,
    limits: Limits | None = None,
    api_keys: Sequence[str] = (),
    allowed_hosts: Sequence[str] = LOOPBACK,
    allowed_origins: Sequence[str] = (),
    config_keys: Iterable[str] = (),
    shows_errors: bool = False,
    shows_steps: bool = False,
    page: bool = False,
    protocols: Collection[ProtocolName] | None = None,
    resume: Resume | None = None,
    mcp: bool = False,
) -> Starlette:
    """Return an ASGI application that serves one chain, or several by their names.

    Args:
        chains: a runnable, or a dict of names and runnables, each of which has its routes below
            its name.
        name: the name of one chain; its own name by default.
        to_input: makes the input of one chain of a list of messages, where that is not clear.
        limits: the largest body, the most runs at once, the longest time of a run.
        api_keys: keys, one of which a request must have as `Authorization: Bearer KEY`.
        allowed_hosts: the names of the server in requests, without ports; "*": any.
        allowed_origins: the pages, such as "https://chat.example.com", whose scripts may call it.
        config_keys: the keys of a config that clients may set, such as "tags" or
            "configurable.temperature"; all others are ignored.
        shows_errors: whether clients may read the text of errors, without the secrets in it.
        shows_steps: whether clients may see the runs inside a chain, with their inputs and outputs.
        page: whether each chain has a page, on which it is tried; with `shows_steps`, the page has
            its last runs, which are kept in memory.
        protocols: what is spoken: "chat-completions", "responses", "ai-sdk", "ag-ui", "rest"; by
            default all. REST takes `approvals` of agents only without "ai-sdk" and "ag-ui".
        resume: how long a run goes on without its reader; by default it stops at once.
        mcp: whether the chains are also tools of an MCP server, at `/mcp`.

    Raises:
        ConfigError: something that cannot be served, or an unknown protocol.
        MissingExtra: the extra `serve` is not installed; with `mcp`, the extra of this name.
    """
    service = Service(
        _served(chains, name, to_input),
        limits or Limits(),
        config_keys=config_keys,
        shows_errors=shows_errors,
        shows_steps=shows_steps,
        keeps_runs=page,
        protocols=chosen_protocols(protocols, page=page),
        resume=resume,
    )
    by_name = isinstance(chains, Mapping)
    return application(
        service,
        routes(
            service,
            by_name=by_name,
            needs_key=bool(api_keys),
            page=page,
            mcp=mcp,
            allowed_origins=allowed_origins,
        ),
        api_keys=api_keys,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
        keyless=open_paths(service.chains, by_name=by_name) if page else (),
    )


def application(
    service: Service,
    routes: Sequence[BaseRoute],
    *,
    api_keys: Sequence[str],
    allowed_hosts: Sequence[str],
    allowed_origins: Sequence[str],
    keyless: Collection[str] = (),
) -> Starlette:
    """Return the application of a service, with what guards it.

    Args:
        service: what it serves, which ends with it.
        routes: its routes.
        api_keys: see `create_app`, as for the next two.
        allowed_hosts: see `create_app`.
        allowed_origins: see `create_app`.
        keyless: paths that may be read without a key: the files of pages.

    Raises:
        ConfigError: one string in place of a list, or an empty key.
    """
    lists = {"api_keys": api_keys, "allowed_hosts": allowed_hosts,
             "allowed_origins": allowed_origins}  # fmt: skip
    for option, values in lists.items():
        if isinstance(values, str):
            raise ConfigError(f"{option}: expected a list of strings, and this is one string")
    if not all(api_keys):
        raise ConfigError("api_keys: a key is empty")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        yield
        await service.shut_down()

    middleware = [Middleware(Guard, allowed_hosts, api_keys, keyless)]
    if allowed_origins:
        allow: Any = {"allow_methods": ["*"], "allow_headers": ["*"]}
        middleware.insert(0, Middleware(CORSMiddleware, allow_origins=allowed_origins, **allow))
    app = Starlette(routes=routes, middleware=middleware, lifespan=lifespan)
    app.state.service = service
    return app


def add_routes(
    app: Any,
    chain: Any,
    path: str = "",
    *,
    name: str | None = None,
    to_input: ToInput | None = None,
    limits: Limits | None = None,
    config_keys: Iterable[str] = (),
    shows_errors: bool = False,
    shows_steps: bool = False,
    page: bool = False,
    protocols: Collection[ProtocolName] | None = None,
    resume: Resume | None = None,
    mcp: bool = False,
) -> None:
    """Add the routes of a chain to an application of Starlette or FastAPI, below a path.

    Who may call them is the application's own affair: its middleware sees each request.

    Args:
        app: the application.
        chain: a runnable.
        path: where the routes begin, such as "/translate"; "": at the root.
        name: the name of the chain, for OpenAI's clients; its own name by default.
        to_input: makes its input of a list of messages, where that is not clear.
        limits: the largest body, the most runs at once, the longest time of a run.
        config_keys: the keys of a config that clients may set; all others are ignored.
        shows_errors: whether clients may read the text of errors, without the secrets in it.
        shows_steps: whether clients may see the runs inside a chain, with their inputs and outputs.
        page: whether the chain has a page, at the path with a "/", on which it is tried; with
            `shows_steps`, the page has its last runs, which are kept in memory.
        protocols: what is spoken: "chat-completions", "responses", "ai-sdk", "ag-ui", "rest"; by
            default all. REST takes `approvals` of agents only without "ai-sdk" and "ag-ui".
        resume: how long a run goes on without its reader; by default it stops at once.
        mcp: whether the chain is also a tool of an MCP server, at `/mcp` below the path.

    Raises:
        ConfigError: something that cannot be served, or a path without its slash.
        MissingExtra: with `mcp`, the extra of this name is not installed.
    """
    if path and (not path.startswith("/") or path.endswith("/")):
        raise ConfigError(f"path={path!r}: expected something such as '/translate'")
    only = served(name or _name_of(chain), chain, to_input)
    service = Service(
        {only.name: only},
        limits or Limits(),
        config_keys=config_keys,
        shows_errors=shows_errors,
        shows_steps=shows_steps,
        keeps_runs=page,
        protocols=chosen_protocols(protocols, page=page),
        resume=resume,
    )
    own = routes(service, by_name=False, page=page, mcp=mcp)
    app.router.routes.append(Mount(path, routes=own))
    if resume is not None:
        _shut_down_with(app, service)


def _shut_down_with(app: Any, service: Service) -> None:
    """End the runs of a service when an application ends: no response waits for them."""
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def with_service(app: Any) -> AsyncGenerator[Any, None]:
        async with lifespan(app) as state:
            try:
                yield state
            finally:
                await service.shut_down()

    app.router.lifespan_context = with_service


def _served(chains: Any, name: str | None, to_input: ToInput | None) -> dict[str, ServedChain]:
    if isinstance(chains, Mapping):
        given = cast("Any", chains)
        if name is not None or to_input is not None:
            raise ConfigError("name= and to_input= are for one chain, and these are several")
        found = {str(key): served(str(key), value) for key, value in given.items()}
        if not found:
            raise ConfigError("There is no chain to serve.")
        return found
    only = served(name or _name_of(chains), chains, to_input)
    return {only.name: only}


def _name_of(chain: Any) -> str:
    get_name: Any = getattr(chain, "get_name", None)
    return str(getattr(chain, "__name__", "chain") if get_name is None else get_name())


def routes(
    service: Service,
    *,
    by_name: bool,
    needs_key: bool = False,
    page: bool = False,
    mcp: bool = False,
    allowed_origins: Sequence[str] = (),
) -> list[BaseRoute]:
    """Return the routes of a server.

    Args:
        service: what it serves.
        by_name: whether the routes of each chain are below its name.
        needs_key: whether requests need a key, for the description.
        page: whether there is the page on which chains are tried.
        mcp: whether the chains are also tools of an MCP server.
        allowed_origins: the pages whose scripts may call that server.
    """

    async def health(request: Request) -> Response:
        return JSONResponse(service.state())

    @cache  # the schemas of many types take a tenth of a second
    def description() -> dict[str, Any]:
        described = describe(service, by_name=by_name, needs_key=needs_key, page=page)
        return _only_served(described, found)

    async def openapi(request: Request) -> Response:
        mounted_at = quote(request.scope["root_path"])
        servers = {"servers": [{"url": mounted_at}]} if mounted_at else {}
        return JSONResponse(description() | servers)

    prefixes = {name: f"/{name}" if by_name else "" for name in service.chains}
    found: list[BaseRoute] = [
        Route("/health", health),
        Route("/openapi.json", openapi),
        docs_route(description, prefixes),
        *openai_routes(service),
    ]
    if mcp:
        from runnables.serving.mcp_http import mcp_route  # it needs the extra `mcp`

        found.append(mcp_route(service, allowed_origins))
    if page and by_name:
        found += index_routes(service)
    for name, chain in service.chains.items():
        own = chain_routes(service, chain)
        if page:
            own += playground_routes(service, chain)
        found += [Mount(f"/{name}", routes=own)] if by_name else own
    return found


def chain_routes(service: Service, chain: ServedChain) -> list[BaseRoute]:
    """Return the routes of one chain of a server."""
    rest = rest_routes(service, chain) if "rest" in service.protocols else []
    return [*rest, *page_routes(service, chain)]


def _only_served(description: dict[str, Any], routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return a description without the paths that are not served, and the types of those."""
    served = frozenset(_paths(routes))
    paths = {path: item for path, item in description["paths"].items() if path in served}
    components: dict[str, Any] = description["components"]
    if not any(path.endswith("/invoke") for path in paths):  # the types are those of REST
        components = {**components, "schemas": {}}
    return {**description, "paths": paths, "components": components}


def _paths(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _paths(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield prefix + route.path_format
