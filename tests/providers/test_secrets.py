"""Secrets print nowhere: not in reprs, errors, events or traces, wherever a user put them."""

from __future__ import annotations

import io
import itertools
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from runnables import ConsoleHandler, RunnableLambda, create_agent
from runnables.errors import ConfigError, ModelError
from runnables.testing import RecordedRequest, Response
from runnables_providers._http import ClientConfig
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from runnables_providers.ollama import ChatOllama, OllamaLLM
from runnables_providers.openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from tests.both_modes import Call
from tests.sdk.recorder import Recorder

_numbers = itertools.count()


@pytest.fixture
def secret() -> str:
    """A secret that no other test has used, so that only this one's places can tell it."""
    return f"hush-{next(_numbers)}-Zq7x"


Place = Callable[[str], dict[str, Any]]
"""A function of a secret that returns the settings of a model."""

PLACES: dict[str, Place] = {
    "a key": lambda s: {"extra_body": {"apiKey": s}},
    "a key at any depth": lambda s: {"extra_body": {"a": [{"b": {"client_secret": s}}]}},
    "an mcp server": lambda s: {
        "extra_body": {"mcp_servers": [{"url": "https://h", "authorization_token": s}]}
    },
    "a header of a server": lambda s: {"extra_body": {"headers": {"X-Team": s}}},
    "an environment": lambda s: {"extra_body": {"env": {"GITHUB_TOKEN": s}}},
    "variables": lambda s: {"extra_body": {"env_vars": {"TEAM": s}}},
    "headers by another name": lambda s: {"extra_body": {"customHeaders": {"X-Team": s}}},
    "headers as pairs": lambda s: {"extra_body": {"headers": [["X-Team", s], ["Accept", "a/b"]]}},
    "a data source of Azure": lambda s: {
        "extra_body": {"data_sources": [{"authentication": {"type": "api_key", "key": s}}]}
    },
    "a database": lambda s: {"extra_body": {"db_pass": s}},
    "JSON in a string": lambda s: {"extra_body": {"config": json.dumps({"api_key": s})}},
    "arguments": lambda s: {"extra_body": {"args": ["--api-key", s, "-v"]}},
    "one argument": lambda s: {"extra_body": {"args": [f"--token={s}"]}},
    "a query": lambda s: {"extra_body": {"url": f"https://h/mcp?team=a&access_token={s}"}},
    "a user": lambda s: {"extra_body": {"url": f"https://me:{s}@h/mcp"}},
    "a bearer": lambda s: {"extra_body": {"lines": [f"Authorization: Bearer {s}"]}},
    "a secret string": lambda s: {"extra_body": {"anything": SecretStr(s)}},
    "a default header": lambda s: {"default_headers": {"X-Anything": s}},
    "an extra header": lambda s: {"extra_headers": {"X-Anything": s}},
    "a tool": lambda s: {"tools": [{"type": "mcp", "server_url": "https://h", "authorization": s}]},
    "a header of a tool": lambda s: {
        "tools": [{"type": "mcp", "server_url": "https://h", "headers": {"X-Anything": s}}]
    },
    "the url of a tool": lambda s: {
        "tools": [{"type": "mcp", "server_url": f"https://h/sse?api_key={s}"}]
    },
    "a known value": lambda s: {"api_key": s, "extra_body": {"anything": s, "n": [f"<{s}>"]}},
}
places = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


def model(url: str, **settings: Any) -> ChatOpenAI:
    given = {"api_key": "k" * 12, **settings}
    return ChatOpenAI("m", base_url=url, max_retries=0, **given)


def echo(request: RecordedRequest) -> Response:
    """Refuse a request, and repeat all of it."""
    headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
    words = f"cannot read {json.dumps(request.body)} with {request.body!r} and\n{headers}"
    return Response({"error": {"message": words}}, 400)


@places
def test_no_repr_shows_it(place: Place, secret: str) -> None:
    """Of a model, of what is bound to one, and of all that is made of them."""
    settings = place(secret)
    given = model("http://localhost:1", **settings)
    bound = {name: settings[name] for name in settings if name in given.known_options}
    shown = [
        given,
        pickle.loads(pickle.dumps(given)),
        given | str,
        {"a": given} | RunnableLambda(len),
    ]
    if bound:
        plain = model("http://localhost:1")
        shown += [
            plain.bind(**bound),
            plain.bind(**bound).with_retry(),
            plain.bind(**bound).bind(temperature=0.0) | str,
            plain.with_fallbacks([plain.bind(**bound)]),
            plain.configurable_alternatives(_field(), other=plain.bind(**bound)),
            RunnableLambda(len).bind(**bound),
        ]
    for made in shown:
        assert secret not in repr(made)
    assert secret not in repr(given._options(bound))


def _field() -> Any:
    from runnables import ConfigurableField

    return ConfigurableField(id="which")


@places
def test_no_error_shows_it(place: Place, secret: str, call: Call) -> None:
    """The service repeats the whole request; neither the message nor a traceback has the secret."""
    with Recorder().listening() as server:
        server.enqueue(echo)
        given = model(server.url, **place(secret))
        for run in (call.invoke, call.stream):
            with pytest.raises(ModelError, match="cannot read") as raised:
                run(given, "Hi")
            assert secret not in _traceback(raised.value)


@places
def test_no_unreadable_answer_shows_it(place: Place, secret: str, call: Call) -> None:
    """Nor does the error of reading it, which quotes a part of it."""

    def odd(request: RecordedRequest) -> Response:
        content = [json.dumps(request.body), *request.headers.values()]
        return Response({"choices": [{"message": {"content": None, "tool_calls": content}}]})

    with Recorder().listening() as server:
        server.enqueue(odd)
        given = model(server.url, **place(secret))
        with pytest.raises(ModelError) as raised:
            call.invoke(given, "Hi")
        assert secret not in "".join(traceback.format_exception(raised.value))


def _traceback(error: BaseException) -> str:
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [
        f"{name}={value}"
        for part in _chain(shown)
        for frame in part.stack
        for name, value in (frame.locals or {}).items()
        if "/tests/" not in frame.filename  # which have the secret themselves
    ]
    plain = "".join(traceback.format_exception(error))
    return "\n".join([str(error), repr(error), plain, *frames])


def _chain(shown: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    yield shown
    for other in (shown.__cause__, shown.__context__):
        if other is not None:
            yield from _chain(other)


@places
def test_no_event_shows_it(place: Place, secret: str, call: Call) -> None:
    """Neither the events of a run, nor the console, nor what is logged of a handler that fails."""
    seen: list[Any] = []

    class Failing:
        def on_event(self, event: Any) -> None:
            seen.append(repr(event))
            raise ValueError("handler")

    console, logged = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger("runnables").addHandler(handler)
    try:
        with Recorder().listening() as server:
            server.enqueue(echo)
            chain = RunnableLambda(str) | model(server.url, **place(secret))
            with pytest.raises(ModelError):
                call.invoke(
                    chain, "Hi", {"callbacks": [Failing(), ConsoleHandler(console, width=9999)]}
                )
    finally:
        logging.getLogger("runnables").removeHandler(handler)
    assert "error" in console.getvalue() or "✗" in console.getvalue()
    assert seen
    for text in (*seen, console.getvalue(), logged.getvalue()):
        assert secret not in text


# -- settings that are refused


@pytest.mark.parametrize(
    "url",
    [
        "me:{}@host/v1",
        "https://me:{}@host/v1",
        "https://{}@host/v1",
        "https://host/v1?api-key={}",
        "https://host/v1#token={}",
        "ftp://me:{}@host",
        "https://me:{}@host:port",
    ],
)
@pytest.mark.parametrize(
    "kind",
    [ChatOpenAI, ChatAnthropic, ChatGoogleGenerativeAI, ChatOllama, OpenAI, OllamaLLM],
)
def test_a_refused_url_is_not_shown(
    kind: type[Any], url: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a setting, and from the environment."""
    with pytest.raises(ConfigError) as raised:
        kind("m", api_key="k" * 12, base_url=url.format(secret))
    assert secret not in "".join(traceback.format_exception(raised.value))
    monkeypatch.setenv(kind.service.url_variables[0], url.format(secret))
    with pytest.raises(ConfigError) as raised:
        kind("m", api_key="k" * 12)
    assert secret not in "".join(traceback.format_exception(raised.value))


REFUSED: list[Callable[[Any, str], Any]] = [
    lambda m, s: m.bind_tools({"authorization": s}),
    lambda m, s: m.bind(tools=[{"authorization": s}]),
    lambda m, s: m.bind(tool_choice={"token": s}, tools=[]),
    lambda m, s: m.invoke("q", tools=[{"password": s}]),
    lambda m, s: m.bind(temperature={"secret": s}),
    lambda m, s: m.with_structured_output({"api_key": s}),
    lambda m, s: create_agent(m, {"authorization": s}),  # type: ignore[arg-type]  # what is tested
    lambda m, s: create_agent(m, [{"authorization": s}]),
]


@pytest.mark.parametrize("refused", REFUSED, ids=range(len(REFUSED)))
@pytest.mark.parametrize("kind", [ChatOpenAI, ChatAnthropic, ChatGoogleGenerativeAI, ChatOllama])
def test_a_refused_option_is_not_shown(
    kind: type[Any], refused: Callable[[Any, str], Any], secret: str
) -> None:
    """The message names the option, and has the rest of the value."""
    given = kind("m", api_key="k" * 12, base_url="http://localhost:1", max_retries=0)
    try:
        made = refused(given, secret)
    except (ConfigError, ModelError, TypeError) as error:
        assert secret not in str(error)
    else:
        assert secret not in repr(made)


@pytest.mark.parametrize("kind", [OpenAIEmbeddings, GoogleGenerativeAIEmbeddings])
def test_embeddings_hide_it(kind: type[Any], secret: str, call: Call) -> None:
    """In their settings and errors."""
    with Recorder().listening() as server:
        server.enqueue(echo)
        given = kind(
            "m", api_key="k" * 12, base_url=server.url, extra_body={"token": secret}, max_retries=0
        )
        with pytest.raises(ModelError) as raised:
            call.invoke(given, "Hi")
    assert secret not in str(raised.value)
    assert secret not in repr(given)


def test_a_config_hides_it(secret: str) -> None:
    """A key may be chosen by a config, too."""
    chain = RunnableLambda(len).with_config(configurable={"openai_api_key": secret, "user": "u"})
    assert secret not in repr(chain)
    assert "'user': 'u'" in repr(chain)
    assert secret not in repr(ClientConfig(proxy=f"http://me:{secret}@proxy"))


def test_what_is_no_secret_is_shown() -> None:
    """Numbers of tokens, names, the URLs of servers, and the fields of a tool."""
    tool = {"type": "mcp", "server_url": "https://h/mcp?team=a", "server_label": "docs"}
    given = model("http://localhost:1", max_tokens=7, extra_body={"user": "u", "max_tokens": "9"})
    shown = repr(given.bind(tools=[tool]))
    for text in (
        "max_tokens=7",
        "'user': 'u'",
        "'max_tokens': '9'",
        "https://h/mcp?team=a",
        "docs",
    ):
        assert text in shown
