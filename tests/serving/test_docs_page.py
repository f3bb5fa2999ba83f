"""The page of the endpoints: each of them, with a request that works, and no markup of others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import shutil
import subprocess
from datetime import date
from html.parser import HTMLParser
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field, TypeAdapter
from starlette.testclient import TestClient

from runnables import RunnableLambda
from runnables.serving import add_routes
from runnables.serving.example_values import example_of
from tests.serving.chains import chains
from tests.serving.servers import Served, serving

ANSWERING = ("agent", "words", "prompt")
METHODS = ("get", "post", "delete")


class Line(BaseModel):
    """A line of an order."""

    item: str = Field(min_length=1, description="What is ordered.")
    count: int = Field(ge=2, le=10)


class Order(BaseModel):
    lines: list[Line] = Field(min_length=1)
    speed: Literal["slow", "fast"]
    customer: str
    note: str | None = None


def price(order: Order) -> dict[str, int]:
    """Return what an order costs."""
    return {"total": sum(line.count for line in order.lines)}


def answering() -> dict[str, Any]:
    """Return chains that answer."""
    known = chains()
    return {name: known[name] for name in ANSWERING} | {"order": RunnableLambda(price)}


class Page(HTMLParser):
    """A page as a browser reads it.

    Attributes:
        tags: the elements that it has.
        attributes: their attributes.
        summaries: the text of each summary.
        examples: the requests.
        text: all text.
    """

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.summaries: list[str] = []
        self.examples: list[str] = []
        self.text = ""
        self._into: list[str] | None = None
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag in ("summary", "pre"):
            self._into = self.summaries if tag == "summary" else self.examples
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("summary", "pre"):
            self._into = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._into is not None:
            self._into[-1] += data


def page_of(url: str, **headers: str) -> Page:
    """Return the page of a server."""
    answer = httpx.get(f"{url}/docs", headers=headers)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the operations of a description."""
    return [
        (method, path, methods[method])
        for path, methods in description["paths"].items()
        for method in METHODS
        if method in methods
    ]


def ask(example: str, key: str = "") -> httpx.Response:
    """Send what an example sends."""
    *variables, command = re.sub(r"\\\n", "", example).split("\n")
    for variable in (*variables, f"KEY={key}"):
        name, _, value = variable.partition("=")
        command = command.replace(f'"${name}"', value).replace(f"${name}", value)
    curl, *words = (word for word in shlex.split(command) if word != "-N")
    assert curl == "curl"
    url, options = words[0], words[1:]
    pairs = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ") for option, value in pairs if option == "-H")
    given = dict(pairs)
    method = given.get("-X", "POST" if "-d" in given else "GET")
    return httpx.request(method, url, headers=headers, content=given.get("-d", "").encode())


def test_every_operation_is_on_the_page(server: Served) -> None:
    """By its method, its path and its summary, for each chain."""
    page = page_of(server.url)
    found = operations(httpx.get(f"{server.url}/openapi.json").json())
    expected = {
        f"{method.upper()}{path}{operation['summary']}" for method, path, operation in found
    }
    assert expected <= set(page.summaries)
    assert len(page.examples) == len(found)


def test_what_a_chain_takes_is_on_the_page() -> None:
    """Each field with its type, its bounds and its description; each type once."""
    with serving(answering()) as served:
        page = page_of(served.url)
    known = [
        *("lines list of Line", "What is ordered.", "A line of an order.", "note (optional) "),
        *("minimum: 2, maximum: 10", '"slow" | "fast"', "chat_id (path) string"),
    ]
    for text in known:
        assert text in page.text, text
    anchors = {value for name, value in page.attributes if name == "id"}
    links = {value for name, value in page.attributes if name == "href"} - {"openapi.json"}
    assert links and all(link[1:] in anchors for link in links)


def test_the_examples_are_answered() -> None:
    """As they are, with status 200; those of an answer that was, once its id is put in."""
    with serving(answering()) as served:
        for example in page_of(served.url).examples:
            answer = ask(example)
            expected = (204, 404) if "=ID" in example else (200,)
            assert answer.status_code in expected, (example, answer.text)
        assert served.service.counts.failed == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_in_a_shell_runs_the_examples() -> None:
    """Names of chains and of fields are data, whatever the shell would make of them."""
    with serving({"a b'$(exit)": RunnableLambda(hostile)}) as served:
        (example,) = [text for text in page_of(served.url).examples if "/invoke" in text]
        ran = subprocess.run(["sh", "-c", f"{example} -s"], capture_output=True, check=True)
    assert json.loads(ran.stdout)["output"] == "taken"


EVIL = "<script>alert(1)</script>\"' onload=x `$(x)` </style></pre>&amp;"


class Hostile(BaseModel):
    """<img src=https://evil.example/x onerror=alert(1)>"""

    word: str = Field(validation_alias=EVIL, description=EVIL, examples=[EVIL])


def hostile(value: Hostile) -> str:
    """<script src="//evil.example"></script>"""
    assert value.word == EVIL
    return "taken"


def test_what_is_not_served_is_not_on_the_page() -> None:
    """A server of some protocols has no endpoints of others, and no section without one."""
    with serving(answering(), protocols=["chat-completions"]) as served:
        page = page_of(served.url)
        assert [summary.partition("/v1")[0] for summary in page.summaries] == [
            "GET/healthHow the server is",
            "GET",
            "GET",
            "POST",
        ]
        assert {value for name, value in page.attributes if name == "href"} == {
            "#part-0",
            "openapi.json",
        }


def test_words_of_others_are_text() -> None:
    """Names of chains and fields, descriptions, examples: none of them is markup."""
    with serving({EVIL.replace("/", "|"): RunnableLambda(hostile), "plain": len}) as served:
        page = page_of(served.url)
        content = httpx.get(f"{served.url}/docs").text
    assert EVIL in page.text and "<img src=" in page.text
    assert page.tags == {
        *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section"),
        *("h1", "h2", "h3", "a", "p", "details", "summary", "pre", "code", "b", "span", "small"),
        *("ul", "li", "div"),
    }
    names = {name for name, _ in page.attributes}
    assert names == {"lang", "charset", "name", "content", "href", "id", "class", "tabindex"}
    assert content.count("</style>") == 1


def test_a_hostile_host_is_text() -> None:
    """An application of one's own may serve any host: its name is in the examples."""
    app = FastAPI()
    add_routes(app, RunnableLambda(hostile), "/it")
    client = TestClient(app)
    for host in ("a\"><script>'", "x;$(id)", "[::1]"):
        answer = client.get("/it/docs", headers={"host": host})
        assert answer.status_code in (200, 400)
        assert "script" not in Page(answer.text).tags


def test_the_page_loads_nothing(server: Served) -> None:
    """No script, no address of another server; its policy allows its own style alone."""
    answer = httpx.get(f"{server.url}/docs")
    page = Page(answer.text)
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    links = {value for name, value in page.attributes if name in ("href", "src", "action")}
    assert all(link.startswith("#") or link == "openapi.json" for link in links)
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "url(" not in style and "@import" not in style
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_with_keys_the_page_needs_one_as_its_description_does() -> None:
    """Its examples send the key of the shell's variable, where one is needed."""
    with serving({"order": RunnableLambda(price)}, api_keys=["first"]) as served:
        assert httpx.get(f"{served.url}/docs").status_code == 401
        page = page_of(served.url, authorization="Bearer first")
        for example in page.examples:
            assert ("$KEY" in example) is not example.endswith("/health")
            assert ask(example, "wrong").status_code == (401 if "$KEY" in example else 200)
            assert ask(example, "first").status_code in (200, 204, 404)


def test_an_application_has_it_below_the_path() -> None:
    """The application's own page stays; the examples name the path, and work."""
    app = FastAPI()
    add_routes(app, RunnableLambda(price), "/my order", name="order")
    add_routes(app, RunnableLambda(len), name="length")
    client = TestClient(app)
    assert "swagger" in client.get("/docs").text
    page = Page(client.get("/my order/docs").text)
    assert any("http://testserver/my%20order/invoke" in example for example in page.examples)
    description = client.get("/my order/openapi.json").json()
    assert len(page.examples) == len(operations(description))


# -- values for examples


class Tree(BaseModel):
    name: str
    parent: Tree | None
    parts: list[Tree]


class Odd(BaseModel):
    above: Annotated[int, Field(gt=5, multiple_of=4)]
    below: Annotated[float, Field(lt=-2.5)]
    share: Annotated[float, Field(ge=0, le=0.25)]
    long: Annotated[str, Field(min_length=20)]
    short: Annotated[str, Field(max_length=1)]
    code: Annotated[str, Field(pattern="^[A-Z][0-9]$")]
    day: date
    id: UUID
    pair: tuple[int, str]
    several: Annotated[list[bool], Field(min_length=3)]
    either: int | Line
    anything: Any
    nothing: None
    named: dict[str, int]


@pytest.mark.parametrize("kind", [Order, Tree, Odd, list[Tree], int | None, Literal["a", 3], Any])
def test_an_example_fits_its_type(kind: Any) -> None:
    """Bounds, patterns, formats, alternatives, and types that contain themselves."""
    schema = TypeAdapter(kind).json_schema()
    value = example_of(schema, schema.get("$defs", {}))
    TypeAdapter(kind).validate_json(json.dumps(value))


def test_what_an_example_cannot_be_is_no_error() -> None:
    """Of a type without an end, or a pattern that is unknown here, it is a beginning."""
    endless = {"A": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/A"}}}}
    assert example_of({"$ref": "#/A"}, endless) == {}
    assert example_of({"type": "string", "pattern": "(?<js>["}, {}) == "Hello"
    assert example_of({"$ref": "#/lost"}, {}) == "Hello"
