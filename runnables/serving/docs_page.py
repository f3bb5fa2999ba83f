"""The page that describes the endpoints of a server, made of its OpenAPI description.

It is one file without scripts, and loads nothing. Each operation has its parameters, what it takes
and answers, and a request for curl.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from runnables.serving.curl import CurlRequests
from runnables.serving.html import Markup, element, joined
from runnables.serving.schema_html import schema_html, type_anchor

if TYPE_CHECKING:
    from starlette.requests import Request

PATH: Final = "/docs"

_Operation: TypeAlias = tuple[str, str, Mapping[str, Any]]
"""A method, a path, and what is said of them."""

_STYLE: Final = (Path(__file__).parent / "docs_page.css").read_text(encoding="utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
"""The page may apply its own style, and load nothing."""


def docs_route(describe: Callable[[], dict[str, Any]], groups: Mapping[str, str]) -> Route:
    """Return the route of the page.

    Args:
        describe: returns the description.
        groups: the chains by name, each with the beginning of its paths; "": they are at the root.
    """

    async def docs(request: Request) -> Response:
        path = quote(request.scope["root_path"])
        address = f"{request.url.scheme}://{request.url.netloc}{path}"
        text = await run_in_threadpool(lambda: docs_html(describe(), address, groups))
        content = text.encode("utf-8", "replace")  # half a character has no form in UTF-8
        return HTMLResponse(content, headers=dict(_HEADERS))

    return Route(PATH, docs)


def docs_html(description: Mapping[str, Any], address: str, groups: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        description: what is described, as OpenAPI.
        address: where the server is, for the requests.
        groups: see `docs_route`.
    """
    schemas: Mapping[str, Any] = description["components"]["schemas"]
    needs_key = "security" in description
    curl = CurlRequests(address, schemas, needs_key, {"name": next(iter(groups), "")})
    sections = _sections(description["paths"], groups)
    titles = [title for title, _ in sections]
    links = [element("a", title, href=f"#part-{index}") for index, title in enumerate(titles)]
    links += [element("a", "Types", href="#types")] if schemas else []
    intro = ["The same as ", element("a", "OpenAPI", href="openapi.json"), "."]
    if needs_key:
        code = element("code", "KEY=...")
        intro += [" Requests need a key, as a bearer token: say ", code, " in your shell first."]
    parts = [
        _section(f"part-{index}", title, found, curl)
        for index, (title, found) in enumerate(sections)
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", "Endpoints"),
        element("style", Markup(_STYLE)),
    )
    body = element(
        "body",
        element("header", element("h1", "Endpoints"), element("nav", *links)),
        element("main", element("p", *intro), *parts, *([_types(schemas)] if schemas else [])),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _sections(
    paths: Mapping[str, Mapping[str, Any]], groups: Mapping[str, str]
) -> list[tuple[str, list[_Operation]]]:
    """Return the operations of each chain, and last those of the whole server."""
    found: dict[str, list[_Operation]] = {name: [] for name in groups}
    rest: list[_Operation] = []
    for path, methods in paths.items():
        is_shared = path.startswith("/v1/") or path == "/health"
        operations = rest
        for name, prefix in groups.items():
            if path.startswith(f"{prefix}/") and (prefix or not is_shared):
                operations = found[name]
        operations += [(method, path, operation) for method, operation in methods.items()]
    sections = [*found.items(), ("The server, and OpenAI's clients", rest)]
    return [(title, operations) for title, operations in sections if operations]


def _section(anchor: str, title: str, found: list[_Operation], curl: CurlRequests) -> Markup:
    operations = [_operation(*operation, curl) for operation in found]
    return element("section", element("h2", title), *operations, id=anchor)


def _operation(method: str, path: str, operation: Mapping[str, Any], curl: CurlRequests) -> Markup:
    summary = element(
        "summary",
        element("b", method.upper(), class_=f"method {method}"),
        element("code", path),
        element("span", operation["summary"]),
    )
    example = element("pre", curl.of(method, path, operation), tabindex="0")
    parts = [element("h3", "Example"), example]
    if parameters := operation.get("parameters"):
        parts += [element("h3", "Parameters"), element("ul", *map(_parameter, parameters))]
    if (body := operation.get("requestBody")) is not None:
        parts += [element("h3", "Request"), _content(body["content"])]
    parts += [element("h3", "Answers"), element("ul", *_answers(operation["responses"]))]
    return element("details", summary, *parts, class_="operation")


def _parameter(parameter: Mapping[str, Any]) -> Markup:
    place = parameter["in"] if parameter["required"] else f"{parameter['in']}, optional"
    name, note = element("b", parameter["name"]), element("small", f"({place}) ")
    return element("li", name, " ", note, schema_html(parameter["schema"]))


def _answers(responses: Mapping[str, Mapping[str, Any]]) -> list[Markup]:
    """Return the answers, those with one content together."""
    alike: dict[Markup, list[str]] = {}
    for status, answer in responses.items():
        titles = alike.setdefault(_content(answer.get("content", {})), [])
        titles += [element("b", status), " ", answer["description"], ". "]
    return [element("li", *titles, content) for content, titles in alike.items()]


def _content(content: Mapping[str, Any]) -> Markup:
    """Return what a body may be: its media types, each with its schema."""
    found: list[Markup] = []
    for media_type, media in content.items():
        schema = [" ", schema_html(media["schema"])] if "schema" in media else []
        found.append(element("div", element("small", media_type), *schema))
    return joined(*found)


def _types(schemas: Mapping[str, Any]) -> Markup:
    """Return the types that schemas refer to, each once."""
    found = [
        element("details", element("summary", element("code", name)), schema_html(schema),
                id=type_anchor(name))
        for name, schema in schemas.items()
    ]  # fmt: skip
    return element("section", element("h2", "Types"), *found, id="types")
