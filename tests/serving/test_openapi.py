"""The description of the endpoints: valid, and true for every chain."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from runnables import RunnableLambda
from runnables.serving import add_routes
from tests.serving.servers import Served, serving


def refs(value: Any) -> set[str]:
    """Return all references in a description."""
    return set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(value)))


def test_every_reference_has_its_definition(server: Served) -> None:
    """The types of several chains stand beside each other, also those of the same name."""
    found = httpx.get(f"{server.url}/openapi.json").json()
    schemas = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert refs(found["paths"]) | refs(found["components"]) <= schemas
    body = found["paths"]["/prompt/invoke"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["input"]["required"] == ["what"]


def test_the_paths_are_those_that_are_served(server: Served) -> None:
    """Every path that is described answers, and with a described status."""
    found = httpx.get(f"{server.url}/openapi.json").json()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            answer = httpx.request(method, server.url + path, json={} if method == "post" else None)
            status = str(answer.status_code)
            assert {status, f"{status[0]}XX"} & set(operation["responses"]), (path, status)


def test_every_path_that_is_served_is_described(server_with_page: Served) -> None:
    """Of what a server has, only its files and the description itself are left out."""
    found = httpx.get(f"{server_with_page.url}/openapi.json").json()
    app: Any = server_with_page.server.config.app
    left_out = re.compile(r"/docs|/openapi\.json|.*/page/app\.(js|css)")
    served = {path for path in paths_of(app.routes) if not left_out.fullmatch(path)}
    assert served == set(found["paths"])


def test_the_paths_of_a_mounted_chain_are_described_where_they_are() -> None:
    """A client that joins the server of the description and a path reaches the chain."""
    app = Starlette()
    add_routes(app, RunnableLambda(str.upper), "/to upper", protocols=["rest"])
    with TestClient(app) as client:
        found = client.get("/to%20upper/openapi.json").json()
        [server] = found["servers"]
        [path] = [path for path in found["paths"] if path.endswith("/invoke")]
        answer = client.post(server["url"] + path, json={"input": "a"})
    assert answer.json()["output"] == "A"


def paths_of(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from paths_of(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield prefix + route.path_format


def test_one_chain_has_its_paths_at_the_root() -> None:
    """They are described there."""
    with serving(RunnableLambda(len), name="length") as served:
        found = httpx.get(f"{served.url}/openapi.json").json()
        assert {"/invoke", "/batch", "/stream"} <= set(found["paths"])


def test_types_of_one_name_in_input_and_output_are_both_described() -> None:
    """Neither stands for the other; and every name is one that OpenAPI allows."""
    with serving(RunnableLambda(turned), name="a<b, c>") as served:
        found = httpx.get(f"{served.url}/openapi.json").json()
    schemas = found["components"]["schemas"]
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in schemas)
    assert sorted(list(schema["properties"]) for schema in schemas.values()) == [["a"], ["b"]]
    assert refs(found["paths"]) == {f"#/components/schemas/{name}" for name in schemas}


class Given:
    class Same(BaseModel):
        a: str


class Made:
    class Same(BaseModel):
        b: str


def turned(values: list[Given.Same]) -> list[Made.Same]:
    return [Made.Same(b=value.a) for value in values]
