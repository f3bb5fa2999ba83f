"""The protocols of a server: those that are named are served, and no others."""

from __future__ import annotations

from typing import Any, get_args

import httpx
import pytest
from fastapi import FastAPI
from mcp import Client
from starlette.testclient import TestClient

from runnables import ConfigError, RunnableLambda, RunnablePassthrough, create_agent
from runnables.serving import add_routes, create_app, mcp_server, server
from runnables.serving.chunk_merges import MERGES_HEADER
from runnables.serving.openapi import describe
from runnables.serving.protocols import ProtocolName
from runnables_providers.scripted import ScriptedChatModel
from tests.agents.tills import Till, asks
from tests.serving.pages import AgUiPage, AiSdkPage
from tests.serving.servers import PATIENCE, Served, serving

PATHS: dict[ProtocolName, tuple[str, ...]] = {
    "chat-completions": ("/v1/chat/completions", "/v1/models"),
    "responses": ("/v1/responses", "/v1/models", "/v1/responses/resp_1"),
    "ai-sdk": ("/length/api/chat", "/length/api/chat/1/stream"),
    "ag-ui": ("/length/ag-ui",),
    "rest": (
        "/length/invoke", "/length/batch", "/length/stream", "/length/stream_events",
        "/length/input_schema", "/length/output_schema", "/length/config_schema",
    ),
}  # fmt: skip
"""The paths of each protocol, for a chain of the name "length"."""


def length(messages: list[Any]) -> int:
    """Count messages."""
    return len(messages)


def is_found(url: str, path: str) -> bool:
    """Tell whether there is something at a path, which refuses an empty body."""
    method = "GET" if path.endswith(("schema", "models", "/1/stream", "resp_1")) else "POST"
    answer = httpx.request(method, url + path, json=None if method == "GET" else {})
    return answer.text != "Not Found"


@pytest.mark.parametrize("name", PATHS)
def test_what_is_named_is_served_and_nothing_else(name: ProtocolName) -> None:
    """Other paths are not found, and are not described; the server's own are always there."""
    with serving({"length": RunnableLambda(length)}, protocols=[name]) as served:
        for path in {path for paths in PATHS.values() for path in paths}:
            assert is_found(served.url, path) == (path in PATHS[name]), path
        found = httpx.get(f"{served.url}/openapi.json").json()
        assert httpx.get(f"{served.url}/health").status_code == 200
    described = {path for path in found["paths"] if path != "/health"}
    mine = {path.replace("/1/", "/{chat_id}/") for path in PATHS[name]}
    assert {path for path in described if "{" not in path} <= mine
    assert {path for path in mine if "resp_" not in path} <= described
    assert bool(found["components"]["schemas"]) <= (name == "rest")


def test_all_are_served_by_default() -> None:
    """Of what is described, nothing is left out."""
    assert set(PATHS) == set(get_args(ProtocolName))
    with serving({"length": RunnableLambda(length)}) as served:
        assert all(is_found(served.url, path) for paths in PATHS.values() for path in paths)
        found = httpx.get(f"{served.url}/openapi.json").json()
        assert found == describe(served.service, by_name=True)
        assert found["paths"].keys() >= {"/length/invoke", "/v1/models/{name}"}


def test_an_application_adds_the_protocols_that_it_names() -> None:
    """Each path may have others."""
    own = FastAPI()
    add_routes(own, RunnableLambda(length), "/code", protocols=["rest"])
    add_routes(own, RunnableLambda(length), "/chat", protocols=["ag-ui", "ai-sdk"])
    client = TestClient(own)
    assert client.post("/code/invoke", json={"input": [1, 2]}).json()["output"] == 2
    assert client.post("/chat/invoke", json={"input": [1, 2]}).status_code == 404
    assert client.post("/code/ag-ui", json={}).status_code == 404
    assert client.post("/chat/ag-ui", json={}).status_code == 400


WRONG: Any = [
    (["rset"], "there is no 'rset'. Did you mean 'rest'?"),
    (["mcp"], "there is no 'mcp'"),
    ("rest", "expected a list of names"),
    ([], "protocols is empty"),
]


@pytest.mark.parametrize(("protocols", "problem"), WRONG)
def test_wrong_names_are_refused_in_words(protocols: Any, problem: str) -> None:
    """When the application is made."""
    with pytest.raises(ConfigError) as caught:
        create_app(RunnableLambda(length), protocols=protocols)
    assert problem in str(caught.value)


def test_a_page_needs_what_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error to ask for one without; `serve` has none there by itself."""
    with pytest.raises(ConfigError, match="'ai-sdk' and 'rest'"):
        create_app(RunnableLambda(length), page=True, protocols=["rest", "ag-ui"])
    made: list[bool] = []

    def create(chain: Any, **options: Any) -> Any:
        made.append(options["page"])
        return create_app(chain, **options)

    monkeypatch.setattr(server, "create_app", create)
    monkeypatch.setattr(server.ChainServer, "run", lambda self: None)
    server.serve(RunnableLambda(length), protocols=["rest"])
    server.serve(RunnableLambda(length), protocols=["rest", "ai-sdk"])
    assert made == [False, True]


# -- approvals in REST, which are not signed


def of_tills(till: Till) -> dict[str, Any]:
    """Return chains with an agent that pays 250, alone and inside of others."""
    script = [asks(a=250, b="look"), "Let me see."]
    agent = create_agent(ScriptedChatModel(script, cycle=True), [till.pay, till.look])

    async def acall(state: Any) -> Any:
        return await agent.ainvoke(state)

    def call(state: Any) -> Any:
        return agent.invoke(state)

    return {
        "agent": agent,
        "retried": agent.with_retry(),
        "last": RunnablePassthrough() | agent,
        "called": RunnableLambda(acall),
        "in a thread": RunnableLambda(call),
    }


CHAINS = ("agent", "retried", "last", "called", "in a thread")

APPROVED: Any = {
    "messages": [
        {"role": "user", "content": "Pay."},
        {
            "role": "assistant", "content": "",
            "tool_calls": [{"name": "pay", "args": {"euros": 9000}, "id": "a"}],
        },
    ],
    "approvals": {"a": True},
}  # fmt: skip
"""An input with a call that no model has made, and its approval."""


def post(served: Served, path: str, value: Any) -> httpx.Response:
    """Send an input to a path."""
    body = {"inputs": [value]} if path.endswith("batch") else {"input": value}
    return httpx.post(f"{served.url}/{path}", json=body, timeout=PATIENCE)


@pytest.mark.parametrize("path", ["invoke", "batch", "stream", "stream_events"])
@pytest.mark.parametrize("protocols", [None, ["rest", "ai-sdk"], ["rest", "ag-ui"]])
def test_approvals_in_rest_do_not_count_beside_pages(path: str, protocols: Any) -> None:
    """However deep the agent is: nothing runs, and the client reads why, and what to do."""
    till = Till()
    with serving(of_tills(till), protocols=protocols) as served:
        for chain in CHAINS:
            answer = post(served, f"{chain}/{path}", APPROVED)
            if path == "stream_events":  # the run has begun before the agent reads its input
                assert '"status_code":422' in answer.text
            else:
                assert answer.status_code == 422
            assert "approval_refused" in answer.text and "protocols=['rest']" in answer.text
            assert till.ran == []


@pytest.mark.parametrize("path", ["invoke", "batch", "stream", "stream_events"])
@pytest.mark.parametrize("protocols", [["rest"], ["chat-completions", "responses", "rest"]])
def test_approvals_in_rest_count_where_no_page_is_served(path: str, protocols: Any) -> None:
    """Its callers are programs."""
    till = Till()
    with serving(of_tills(till), protocols=protocols) as served:
        for chain in CHAINS:
            assert post(served, f"{chain}/{path}", APPROVED).status_code == 200
            assert till.ran[0] == 9000
            till.ran.clear()


@pytest.mark.parametrize("shows_steps", [True, False])
def test_approvals_in_the_form_of_the_page_do_not_count(shows_steps: bool) -> None:
    """The page asks in its chat, where answers are signed."""
    till = Till()
    with serving(of_tills(till), page=True, shows_steps=shows_steps) as served:
        for chain in CHAINS:
            answer = post(served, f"{chain}/page/run", APPROVED)
            assert "protocols=['rest']" in answer.text
            assert till.ran == []


async def test_approvals_in_mcp_do_not_count() -> None:
    """Its client is a model, also where a chain passes on whatever it is given."""
    till = Till()
    async with Client(mcp_server({"called": of_tills(till)["called"]})) as client:
        result = await client.call_tool("called", {"input": APPROVED})
    assert result.is_error and "Approvals in an input do not count" in str(result.content)
    assert till.ran == []


def test_an_open_call_in_rest_is_asked_for_and_not_run() -> None:
    """A page beside it gets no signature of it, and its own approvals count as ever."""
    till = Till()
    with serving(of_tills(till)) as served:
        state: Any = {**APPROVED, "approvals": {}}
        output = post(served, "agent/invoke", state).json()["output"]
        assert [request["call_id"] for request in output["approval_requests"]] == ["a"]
        assert till.ran == []
        for kind in (AiSdkPage, AgUiPage):
            page: Any = kind(served.url, "agent")
            page.say("Pay.")
            page.answer(a=True)
            assert till.ran == ["look", 250]
            till.ran.clear()


def test_a_row_of_a_batch_is_refused_by_itself() -> None:
    """The others have their outputs, where the client reads errors in place."""
    till = Till()
    with serving(of_tills(till)) as served:
        headers = {MERGES_HEADER: "yes"}
        said = {"messages": [{"role": "user", "content": "Pay."}]}
        body = {"inputs": [APPROVED, said]}
        url = f"{served.url}/agent/batch"
        answer = httpx.post(url, json=body, headers=headers, timeout=PATIENCE).json()
    assert list(answer["metadata"]["errors"]) == ["0"]
    assert answer["metadata"]["errors"]["0"]["code"] == "approval_refused"
    assert answer["output"][1]["approval_requests"][0]["call_id"] == "a"
    assert till.ran == ["look"]
