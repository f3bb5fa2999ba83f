"""Gemini's requests and errors, as plain data and on a replay server."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    create_agent,
    init_chat_model,
)
from runnables.errors import (
    AuthenticationError,
    ConfigError,
    ContextLengthError,
    InvalidRequestError,
    ModelError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from runnables.testing import Response
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.google.contents import SKIPPED, conversation
from runnables_providers.google.generation import Generation
from runnables_providers.google.generation_config import written_options
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

CALL: Any = {"name": "look", "args": {"at": "sky"}, "id": "c1"}


def contents(*messages: Any, sign: bool = False) -> list[dict[str, Any]]:
    converted: list[dict[str, Any]] = conversation(messages, sign=sign)["contents"]
    return converted


# -- conversations


def test_all_system_messages_are_one_instruction() -> None:
    """They are joined in order from anywhere; other messages keep their positions."""
    messages = [SystemMessage("a"), HumanMessage("Hi"), SystemMessage("b")]
    assert conversation(messages, sign=False) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]},
    }


def test_consecutive_tool_results_are_one_content() -> None:
    """Later results are another content; each result has the name of its tool."""
    other = {**CALL, "id": "c2", "name": "listen"}
    messages = [
        AIMessage("", tool_calls=[CALL, other]),
        ToolMessage("blue", tool_call_id="c1"),
        ToolMessage("birds", tool_call_id="c2"),
        AIMessage("", tool_calls=[{**CALL, "id": "c3"}]),
        ToolMessage("black", tool_call_id="c3"),
    ]
    converted = contents(*messages)
    assert [content["role"] for content in converted] == ["model", "user", "model", "user"]
    results = [part["functionResponse"] for content in converted[1::2] for part in content["parts"]]
    names = [(result["name"], result["id"]) for result in results]
    assert names == [("look", "c1"), ("listen", "c2"), ("look", "c3")]


def test_a_result_without_its_call_needs_the_name_of_the_tool() -> None:
    """Gemini identifies results by the tool, so an unknown tool is an error."""
    with pytest.raises(ConfigError, match="'c1', which no message before it makes.*name="):
        contents(ToolMessage("blue", tool_call_id="c1"))
    part = contents(ToolMessage("blue", tool_call_id="c1", name="look"))[0]["parts"][0]
    assert part["functionResponse"]["name"] == "look"


def test_generated_ids_are_not_sent() -> None:
    """A call without an id of the service is sent back without one, and so is its result."""
    answer = Generation([HumanMessage("Hi")], {}).answer(
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "look"}}]}}]}, {}
    )
    id = answer.tool_calls[0]["id"]
    assert id is not None
    converted = contents(answer, ToolMessage("blue", tool_call_id=id))
    assert converted[0]["parts"] == [{"functionCall": {"name": "look", "args": {}}}]
    response = {"name": "look", "response": {"output": "blue"}}
    assert converted[1]["parts"] == [{"functionResponse": response}]


def test_blocks_and_fields_make_the_same_request() -> None:
    """Tool calls and results may be blocks of Anthropic, or fields of messages."""
    use = {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": "sky"}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "blue", "is_error": True}
    by_blocks = contents(AIMessage(["Well.", use]), HumanMessage([result]))
    by_fields = contents(
        AIMessage("Well.", tool_calls=[CALL]),
        ToolMessage("blue", tool_call_id="c1", status="error"),
    )
    assert by_blocks == by_fields
    response = by_fields[1]["parts"][0]["functionResponse"]
    assert response == {"name": "look", "response": {"error": "blue"}, "id": "c1"}


def test_a_chunk_is_sent_as_its_message() -> None:
    """A chunk in a conversation makes the request of the message."""
    parts: Any = [{"name": "look", "args": '{"at": "sky"}', "id": "c1", "index": 0}]
    chunk = AIMessageChunk("Well.", tool_call_chunks=parts)
    assert contents(chunk) == contents(AIMessage("Well.", tool_calls=[CALL]))


def test_an_invalid_tool_call_is_sent_back() -> None:
    """The model sees the string that it wrote, before the result."""
    broken: Any = {"name": "look", "args": '{"at"', "id": "c1", "error": "cut"}
    converted = contents(AIMessage("", invalid_tool_calls=[broken]))
    call = {"name": "look", "args": {"invalid_arguments": '{"at"'}, "id": "c1"}
    assert converted[0]["parts"] == [{"functionCall": call}]


def test_reasoning_of_other_models_is_left_out() -> None:
    """The text of such an answer is sent, the reasoning is not."""
    reasoning: Any = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "theirs"}}
    result: Any = {"type": "search_result", "text": "by a tool of theirs"}
    foreign = AIMessage(
        [reasoning, result, "Yes"], response_metadata={"model_provider": "anthropic"}
    )
    assert contents(foreign)[0]["parts"] == [{"text": "Yes"}]
    own = AIMessage([reasoning, "Yes"], response_metadata={"model_provider": "google"})
    assert contents(own)[0]["parts"] == [{"text": "hm", "thought": True}, {"text": "Yes"}]


def test_tool_calls_of_other_models_are_signed_for_gemini_3() -> None:
    """Gemini 3 refuses unsigned calls, except with the placeholder that Google documents."""
    messages = [HumanMessage("Hi"), AIMessage("", tool_calls=[CALL, {**CALL, "id": "c2"}])]
    for model in ("gemini-3-flash-preview", "models/gemini-3.5-pro", "gemini-flash-latest"):
        first, second = Generation(messages, {"model": model}).body(streamed=False)["contents"][1][
            "parts"
        ]
        assert first["thoughtSignature"] == SKIPPED
        assert "thoughtSignature" not in second
    for model in ("gemini-2.5-flash", "models/gemini-1.5-pro", "gemma-3-27b-it"):
        parts = Generation(messages, {"model": model}).body(streamed=False)["contents"][1]["parts"]
        assert "thoughtSignature" not in parts[0]


def test_a_signature_is_sent_back_on_its_part() -> None:
    """Text, reasoning and calls may be signed; signed and unsigned text are not joined."""
    parts = [
        {"text": "Well", "thought": True, "thoughtSignature": "s1"},
        {"text": "So"},
        {"text": " be it.", "thoughtSignature": "s2"},
        {"functionCall": {"name": "look", "args": {}, "id": "c1"}, "thoughtSignature": "s3"},
    ]
    body = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    answer = Generation([HumanMessage("Hi")], {}).answer(body, {})
    assert answer.text == "So be it."
    assert contents(answer, sign=True)[0]["parts"] == parts


def test_parts_without_a_canonical_block_are_sent_back_unchanged() -> None:
    """Code that ran on the service keeps its position among the text."""
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"text": "One."},
    ]
    body = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    answer = Generation([HumanMessage("Hi")], {}).answer(body, {})
    assert contents(answer)[0]["parts"] == parts


def test_a_block_that_gemini_has_no_form_for_is_an_error() -> None:
    """Nothing that a person said is dropped without a word."""
    with pytest.raises(ConfigError, match="takes no block of type 'guard_content'"):
        contents(HumanMessage([{"type": "guard_content", "x": 1}]))
    with pytest.raises(ConfigError, match="no role 'critic'"):
        contents(ChatMessage("Bad.", role="critic"))
    with pytest.raises(ConfigError, match="no role 'tool'"):
        contents(ChatMessage("Done.", role="tool"))


def test_media_have_their_type_and_extras() -> None:
    """The MIME type has a default; a file is sent by its URL, and extras unchanged."""
    video = {
        "type": "video",
        "file_id": "https://g.example/v1beta/files/a",
        "mime_type": "video/mp4",
        "extras": {"videoMetadata": {"startOffset": "2s"}},
    }
    image = {"type": "image", "base64": "AA=="}
    parts = contents(HumanMessage([image, video]))[0]["parts"]
    assert parts == [
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {
            "fileData": {"fileUri": video["file_id"], "mimeType": "video/mp4"},
            "videoMetadata": {"startOffset": "2s"},
        },
    ]


def test_an_empty_string_is_a_part() -> None:
    """The service refuses contents without parts."""
    assert contents(HumanMessage("")) == [{"role": "user", "parts": [{"text": ""}]}]


# -- options


def test_unsupported_options_are_errors() -> None:
    """Unknown options, tools and choices are refused before anything is sent."""
    model = ChatGoogleGenerativeAI("m", api_key="k")
    with pytest.raises(ConfigError, match="no option 'topk'. Did you mean 'top_k'"):
        model.invoke("Hi", topk=3)
    with pytest.raises(ConfigError, match="no option 'logit_bias'"):
        ChatGoogleGenerativeAI("m", api_key="k", logit_bias={})
    with pytest.raises(ConfigError, match="no tool of type 'web_search_20250305'"):
        model.invoke("Hi", tools=[{"type": "web_search_20250305"}])
    tool = {"type": "function", "function": {"name": "look"}}
    with pytest.raises(ConfigError, match="tool_choice=.*expected 'auto'"):
        model.invoke("Hi", tools=[tool], tool_choice={"type": "allowed_tools"})
    with pytest.raises(ConfigError, match="response_format=.*json_schema"):
        model.invoke("Hi", response_format="json")


def test_a_choice_without_tools_is_not_sent() -> None:
    """The service refuses `tool_choice` without tools."""
    assert written_options({"tools": [], "tool_choice": "auto", "seed": 1}) == {
        "generationConfig": {"seed": 1}
    }


def test_a_function_without_parameters_has_no_schema() -> None:
    """The service refuses an empty one."""
    empty = {"type": "object", "properties": {}}
    tool = {"type": "function", "function": {"name": "now", "parameters": empty}}
    declared = [{"name": "now", "description": ""}]
    assert written_options({"tools": [tool]}) == {"tools": [{"functionDeclarations": declared}]}


def test_googles_own_options_are_sent() -> None:
    """Options of tools, safety and response schemas are named as Google names them."""
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    config = {"retrievalConfig": {"latLng": {"latitude": 1, "longitude": 2}}}
    tools = [{"type": "googleMaps"}]
    written = written_options({"tool_config": config, "safety_settings": safety, "tools": tools})
    assert written == {
        "tools": [{"googleMaps": {}}],
        "toolConfig": config,
        "safetySettings": safety,
    }
    options = {"response_mime_type": "text/x.enum", "response_schema": {"enum": ["a", "b"]}}
    expected = {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a", "b"]}}
    assert written_options(options) == {"generationConfig": expected}


# -- the model


def test_init_chat_model_knows_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is "google", or "google_genai" as in LangChain."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "sk-x")
    for name in ("google:gemini-x", "google_genai:gemini-x"):
        model: Any = init_chat_model(name, thinking_budget=0)
        assert isinstance(model, ChatGoogleGenerativeAI)
        assert (model.model, model.thinking_budget) == ("gemini-x", 0)


def test_a_key_and_a_model_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor raises for both."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="GOOGLE_API_KEY"):
        ChatGoogleGenerativeAI("gemini-x")
    for name in (None, "", "../x"):
        with pytest.raises(ConfigError, match="name of a model of Google's"):
            ChatGoogleGenerativeAI(name, api_key="k")


def test_a_model_is_a_value_that_hides_its_key() -> None:
    """It compares, hashes and pickles, and its repr has no key."""
    model = ChatGoogleGenerativeAI("m", api_key="sk-secret", top_k=3, safety_settings={"A": "B"})
    same = ChatGoogleGenerativeAI("m", api_key="sk-secret", top_k=3, safety_settings={"A": "B"})
    assert pickle.loads(pickle.dumps(model)) == model == same
    assert hash(model) == hash(same)
    assert model != ChatGoogleGenerativeAI("m", api_key="sk-secret", top_k=4)
    assert "top_k=3" in repr(model)
    assert "sk-secret" not in repr(model)


def test_a_call_may_set_the_model_and_more_fields(call: Call) -> None:
    """`model` changes the URL; `extra_body` and `extra_headers` are sent unchanged."""
    with Recorder().listening() as server:
        server.enqueue(Response({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}))
        model = ChatGoogleGenerativeAI(
            "m", api_key="sk-secret", base_url=server.url, api_version="v1"
        )
        call.invoke(
            model.bind(
                model="tunedModels/n", extra_body={"store": False}, extra_headers={"x-a": "b"}
            ),
            "Hi",
        )
    request = server.requests[0]
    assert request.path == "/v1/tunedModels/n:generateContent"
    assert request.body["store"] is False
    assert request.headers["x-a"] == "b"
    assert request.headers["x-goog-api-key"] == "sk-secret"
    assert "authorization" not in request.headers


@pytest.mark.usefixtures("at_once")
def test_a_retry_sends_the_same_request(call: Call) -> None:
    """Extra fields and headers are sent again, also for streams."""
    busy = Response({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0"})
    answer = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}
    options = {"extra_body": {"store": False}, "extra_headers": {"x-a": "b"}}
    with Recorder().listening() as server:
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url).bind(**options)
        for response, run in (
            (Response(answer), call.invoke),
            (sse_response([answer]), call.stream),
        ):
            server.enqueue(busy, response)
            run(model, "Hi")
            first, second = server.requests
            assert second.body == first.body
            assert second.headers["x-a"] == first.headers["x-a"] == "b"


def test_an_agent_sends_its_parts_back(call: Call) -> None:
    """Signed calls and reasoning are followed by one content with the tool results."""

    def look(at: str) -> str:
        """Return the color of something."""
        return f"{at}: blue"

    parts = [
        {"text": "Up, then down.", "thought": True},
        {"functionCall": {"name": "look", "args": {"at": "sky"}}, "thoughtSignature": "c2lnbmVk"},
        {"functionCall": {"name": "look", "args": {"at": "sea"}}},
    ]
    calling = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    last = {"candidates": [{"content": {"parts": [{"text": "Blue."}]}, "finishReason": "STOP"}]}
    with Recorder().listening() as server:
        server.enqueue(Response(calling), Response(last))
        model = ChatGoogleGenerativeAI("gemini-3-x", api_key="k", base_url=server.url)
        state: Any = call.invoke(create_agent(model, [look]), {"messages": ["Describe them."]})
    assert state["messages"][-1].text == "Blue."
    sent = server.bodies[1]["contents"]
    assert sent[1] == {"role": "model", "parts": parts}
    results = [part["functionResponse"]["response"]["output"] for part in sent[2]["parts"]]
    assert results == ["sky: blue", "sea: blue"]
    assert len(sent) == 3


# -- errors

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.837906927s"}
QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
MINUTE = {
    "@type": QUOTA,
    "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}],
}
DAY = {
    "@type": QUOTA,
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


def refusal(code: int, status: str, message: str, *details: Any) -> Response:
    error = {"code": code, "status": status, "message": message, "details": list(details)}
    return Response({"error": error}, status=code)


ERRORS: list[tuple[Response, type[ModelError]]] = [
    (refusal(400, "INVALID_ARGUMENT", "API key not valid.", BAD_KEY), AuthenticationError),
    (refusal(400, "INVALID_ARGUMENT", "Unknown name"), InvalidRequestError),
    (
        refusal(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1300000) exceeds the maximum number of tokens allowed.",
        ),
        ContextLengthError,
    ),
    (refusal(401, "UNAUTHENTICATED", "no"), AuthenticationError),
    (refusal(403, "PERMISSION_DENIED", "no"), PermissionDeniedError),
    (refusal(404, "NOT_FOUND", "models/x is not found"), InvalidRequestError),
    (refusal(429, "RESOURCE_EXHAUSTED", "quota", MINUTE, RETRY), RateLimitError),
    (refusal(500, "INTERNAL", "oh"), ServerError),
    (refusal(503, "UNAVAILABLE", "The model is overloaded."), ServerError),
    (refusal(504, "DEADLINE_EXCEEDED", "late"), ModelTimeoutError),
    (Response([{"error": {"code": 500, "message": "in a list"}}], status=500), ServerError),
    (Response(b"<html>", status=502, content_type="text/html"), ServerError),
    (Response({"usageMetadata": {}}), ServerError),
    (Response(b"{", content_type="application/json"), ServerError),
]


@pytest.mark.parametrize(
    "response, error_type", ERRORS, ids=lambda value: getattr(value, "__name__", None)
)
def test_errors_are_portable(response: Response, error_type: type[ModelError], call: Call) -> None:
    """Each error has its class and its status, and no key."""
    with Recorder().listening() as server:
        server.enqueue(response)
        model = ChatGoogleGenerativeAI("m", api_key="sk-secret", base_url=server.url, max_retries=0)
        with pytest.raises(error_type) as raised:
            call.invoke(model, "Hi")
        if response.status != 200:
            with pytest.raises(error_type):
                call.stream(model, "Hi")
    assert type(raised.value) is error_type
    assert raised.value.provider == "google"
    assert raised.value.status == (response.status if response.status != 200 else None)
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize("quota, daily", [(MINUTE, False), (DAY, True)])
def test_a_rate_limit_error_has_the_delay_and_the_daily_quota(
    quota: Any, daily: bool, call: Call
) -> None:
    """Google reports both in the body, and a delay for daily quotas, too."""
    with Recorder().listening() as server:
        server.enqueue(refusal(429, "RESOURCE_EXHAUSTED", "quota", quota, RETRY))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(RateLimitError) as raised:
            call.invoke(model, "Hi")
    assert raised.value.retry_after == pytest.approx(45.837906927)
    assert raised.value.daily is daily


def test_an_error_in_a_stream_has_its_type(call: Call) -> None:
    """The chunks before it are yielded first."""
    first = {"candidates": [{"content": {"parts": [{"text": "One"}]}}]}
    error = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}
    with Recorder().listening() as server:
        server.enqueue(sse_response([first, error]))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        assert call.stream(model, "Hi", take=1)[0].text == "One"
        with pytest.raises(ServerError, match="overloaded") as raised:
            call.stream(model, "Hi")
    assert raised.value.status == 503
