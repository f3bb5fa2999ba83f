"""The page of a served chain: its files, and the endpoints behind it."""

from __future__ import annotations

import sys
from typing import Any

import httpx
import openai
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from runnables import RunnableGenerator, RunnableLambda, RunnableParallel
from runnables.serving import add_routes, create_app, server
from tests.serving.chains import SECRET, chains
from tests.serving.page_chains import accepted
from tests.serving.requests_of import PROTOCOLS, Protocol
from tests.serving.servers import Served, cut, events, raw_request, serving, wait_for
from tests.serving.upstreams import Upstream

FILES = ("", "page/app.js", "page/app.css")

KEPT = ("page/meta", "page/runs", "page/picture", "page/runs/x", "page/runs/x/steps/y")


def upper(text: str) -> str:
    """Return a string in capitals."""
    return text.upper()


def fail(text: str) -> str:
    """Fail with a secret."""
    raise ValueError(f"api_key='{SECRET}'")


def with_page(served: Any, **options: Any) -> Any:
    """Serve chains with their page, and what it shows."""
    return serving(served, **{"page": True, "shows_steps": True} | options)


def get(url: str) -> Any:
    """Return the JSON of an address."""
    return httpx.get(url).raise_for_status().json()


def test_there_is_no_page_unless_it_is_asked_for() -> None:
    """An application has none by default, and keeps no runs."""
    with serving(RunnableLambda(upper), shows_steps=True) as served:
        for path in (*FILES, *KEPT):
            assert httpx.get(f"{served.url}/{path}").status_code == 404
        assert served.service.recorders == {}


@pytest.mark.parametrize("prefix", ["/", "/upper/"])
def test_the_files_may_load_nothing_but_themselves(prefix: str) -> None:
    """The policy stands on each of them, at the root and at each chain."""
    types = {"": "text/html", "page/app.js": "text/javascript", "page/app.css": "text/css"}
    with with_page({"upper": RunnableLambda(upper)}) as served:
        for path, media_type in types.items():
            answer = httpx.get(f"{served.url}{prefix}{path}")
            assert answer.headers["content-type"].startswith(media_type)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'; script-src 'self';" in policy and "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_root_of_several_chains_names_them() -> None:
    """A chain may have the name of a path."""
    with with_page({"page": RunnableLambda(upper), "b": RunnableLambda(upper)}) as served:
        assert get(f"{served.url}/page/meta") == {"chains": ["page", "b"]}
        assert get(f"{served.url}/page/page/meta")["name"] == "page"
        assert httpx.get(f"{served.url}/page", follow_redirects=True).status_code == 200


def test_the_page_chats_with_chains_that_take_messages() -> None:
    """Others have a form."""
    with with_page({**chains(), "order": RunnableLambda(accepted)}) as served:
        chats = {
            name for name in served.service.chains if get(f"{served.url}/{name}/page/meta")["chats"]
        }
    assert chats == {"agent", "caller", "words", "refused", "broken", "endless"}


def test_an_application_has_the_page_below_a_path() -> None:
    """Its addresses are relative to it."""
    own = FastAPI()
    add_routes(own, RunnableLambda(upper), "/upper", page=True, shows_steps=True)
    client = TestClient(own)
    assert 'src="page/app.js"' in client.get("/upper/").text
    assert client.get("/upper/page/meta").json()["name"] == "upper"
    assert client.post("/upper/invoke", json={"input": "a"}).json()["output"] == "A"
    assert [run["answered"] for run in client.get("/upper/page/runs").json()["runs"]] == ["A"]


def test_with_keys_only_the_files_are_open() -> None:
    """What is of the chain needs a key."""
    with with_page({"upper": RunnableLambda(upper)}, api_keys=["secret"]) as served:
        for path in FILES:
            assert httpx.get(f"{served.url}/upper/{path}").status_code == 200
            assert httpx.get(f"{served.url}/{path}").status_code == 200
        for path in ("page/meta", *(f"upper/{path}" for path in KEPT)):
            assert httpx.get(f"{served.url}/{path}").status_code == 401
        assert httpx.post(f"{served.url}/upper/page/run", json={"input": "a"}).status_code == 401


# -- runs


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_runs_of_every_protocol_are_kept(protocol: Protocol) -> None:
    """Whatever the client speaks, its run is there, with what was asked and answered."""
    with with_page({"upper": RunnableLambda(upper)}) as served:
        url = served.url + protocol.path.format(name="upper")
        httpx.post(url, json=protocol.body("upper", "hi")).raise_for_status()
        (run,) = get(f"{served.url}/upper/page/runs")["runs"]
        assert (run["status"], run["asked"], run["answered"]) == ("done", "hi", "HI")


def test_the_steps_of_a_run_are_a_tree_with_times_and_tokens() -> None:
    """Each has its parent; the model has its tokens; values come with the step alone."""
    with with_page(chains()) as served:
        with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none") as client:
            client.chat.completions.create(
                model="prompt", messages=[{"role": "user", "content": "hi"}]
            )
        (run,) = get(f"{served.url}/prompt/page/runs")["runs"]
        path = f"{served.url}/prompt/page/runs/{run['id']}"
        first, *steps = get(path)["steps"]
        assert (first["id"], first["parent"]) == (run["id"], None)
        assert [step["type"] for step in steps] == ["prompt", "chat_model", "parser"]
        assert all(step["parent"] == first["id"] for step in steps)
        ends = [step["start"] + step["seconds"] for step in steps]
        assert first["start"] <= min(step["start"] for step in steps)
        assert max(ends) <= first["start"] + first["seconds"] + 0.001
        assert steps[1]["usage"]["total_tokens"] == 5
        assert "input" not in steps[1]
        model = get(f"{path}/steps/{steps[1]['id']}")
        assert model["input"]["text"] == '[{"type":"human","content":"Say hi."}]'
        assert "One two three." in model["output"]["text"]


def test_a_batch_is_a_run_for_each_row() -> None:
    """The newest is the first."""
    with with_page(RunnableLambda(upper)) as served:
        answer = httpx.post(f"{served.url}/batch", json={"inputs": ["a", "b"]}).json()
        runs = get(f"{served.url}/page/runs")["runs"]
    assert {run["id"]: run["answered"] for run in runs} == dict(
        zip(answer["metadata"]["run_ids"], "AB", strict=True)
    )


@pytest.mark.parametrize("shows", [True, False])
def test_the_text_of_an_error_is_shown_where_clients_may_read_it(shows: bool) -> None:
    """And never with a secret in it."""
    with with_page(RunnableLambda(fail), shows_errors=shows) as served:
        assert httpx.post(f"{served.url}/invoke", json={"input": "a"}).status_code == 500
        (run,) = get(f"{served.url}/page/runs")["runs"]
    assert run["status"] == "failed"
    assert run["error"] == ("ValueError: api_key='**********'" if shows else "It has failed.")


def test_a_run_that_was_left_is_cancelled() -> None:
    """The page's own stream stops as every other does, and the run says so."""
    upstream = Upstream()
    with with_page({"up": RunnableGenerator(upstream.answer)}) as served:
        connection = raw_request(served, "/up/page/run", {"input": "one"})
        received = b""
        while b"first" not in received:
            received += connection.recv(4096)
        (run,) = get(f"{served.url}/up/page/runs")["runs"]
        assert run["status"] == "running"
        cut(connection)
        wait_for(lambda: upstream.closed and served.service.counts.open == 0)
        (run,) = get(f"{served.url}/up/page/runs")["runs"]
        assert (run["status"], upstream.chunks) == ("cancelled", 1)


def test_without_steps_no_run_is_kept() -> None:
    """Nothing of the inside is on the page; the chain can be run."""
    with with_page(chains(), shows_steps=False) as served:
        url = f"{served.url}/prompt"
        assert get(f"{url}/page/meta")["shows_steps"] is False
        assert httpx.get(f"{url}/page/runs").status_code == 404
        answer = httpx.post(f"{url}/page/run", json={"input": {"what": "a"}})
        assert {part["type"] for part in events(answer.text)} >= {"text-delta", "finish"}
        assert "data-step" not in answer.text


def test_the_stream_of_the_page_has_the_steps(server_with_page: Served) -> None:
    """They come as data of the AI SDK's stream, in pairs of a start and an end."""
    answer = httpx.post(f"{server_with_page.url}/prompt/page/run", json={"input": {"what": "a"}})
    steps = [part for part in events(answer.text) if part["type"] == "data-step"]
    statuses = [part["data"]["status"] for part in steps]
    assert statuses.count("running") == statuses.count("done") == 4
    assert [part["data"]["usage"] for part in steps].count(None) == 7


def test_an_agent_without_a_chat_shows_what_is_new(server_with_page: Served) -> None:
    """Its answer is not the conversation that it was given."""
    body = {"input": {"messages": [{"role": "user", "content": "Add 1 and 2."}]}}
    answer = httpx.post(f"{server_with_page.url}/agent/page/run", json=body)
    deltas = [part["delta"] for part in events(answer.text) if part["type"] == "text-delta"]
    assert "".join(deltas) == "Let me add.It is 3."


def test_a_wrong_input_is_refused(server_with_page: Served) -> None:
    """With its reason, as the REST endpoints do."""
    url = f"{server_with_page.url}/prompt/page/run"
    answer = httpx.post(url, json={"input": {"wat": "a"}})
    assert answer.status_code == 422 and "what: Field required" in answer.json()["detail"]
    assert httpx.post(url, json={}).status_code == 422
    assert httpx.post(url, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_a_run_that_is_not_kept_is_not_found(server_with_page: Served) -> None:
    """A step of another run, too."""
    for path in ("runs/x", "runs/x/steps/y"):
        answer = httpx.get(f"{server_with_page.url}/prompt/page/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# -- the picture


def test_the_picture_is_text_without_the_extra(
    server_with_page: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the lines that a terminal shows."""
    monkeypatch.setitem(sys.modules, "mermaidx", None)
    answer = httpx.get(f"{server_with_page.url}/prompt/page/picture")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "ChatPromptTemplate" in answer.text and "│" in answer.text


@pytest.mark.leaks("the engine that runs Mermaid keeps two idle threads")
def test_the_picture_is_svg(server_with_page: Served) -> None:
    """It is drawn in a thread: the server answers meanwhile."""
    answer = httpx.get(f"{server_with_page.url}/prompt/page/picture", timeout=30)
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.text.startswith("<svg") and "ChatPromptTemplate" in answer.text


def test_a_huge_chain_has_a_picture_as_text() -> None:
    """Mermaid would take too long for it."""
    branches: Any = {f"b{number}": RunnableLambda(upper) for number in range(100)}
    with with_page(RunnableParallel(branches)) as served:
        answer = httpx.get(f"{served.url}/page/picture")
        assert answer.headers["content-type"].startswith("text/plain")


# -- the description


def test_the_endpoints_are_described() -> None:
    """Each path that is described answers, and with a described status."""
    with with_page(chains()["prompt"]) as served:
        found = get(f"{served.url}/openapi.json")["paths"]
        mine = [path for path in found if path == "/" or path.startswith("/page/")]
        assert len(mine) == 7
        for path in mine:
            for method, operation in found[path].items():
                body = {} if method == "post" else None
                if "picture" not in path:
                    answer = httpx.request(method, served.url + path, json=body)
                    status = str(answer.status_code)
                    assert {status, f"{status[0]}XX"} & set(operation["responses"]), path


def test_serve_has_the_page_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """To other machines it is open only where that is said."""
    made: list[Any] = []

    def create(chain: Any, **options: Any) -> Any:
        made.append((options["page"], options["shows_steps"]))
        return create_app(chain, **options)

    monkeypatch.setattr(server, "create_app", create)
    monkeypatch.setattr(server.ChainServer, "run", lambda self: None)
    server.serve(RunnableLambda(upper))
    server.serve(RunnableLambda(upper), host="0.0.0.0", allowed_hosts=["a.example"])
    server.serve(RunnableLambda(upper), page=False)
    assert made == [(True, True), (False, False), (False, True)]
