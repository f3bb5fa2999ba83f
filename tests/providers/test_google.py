"""Gemini's requests and faults, as plain data and over loopback."""

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
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.google.contents import SKIPPED, conversation
from runnables_providers.google.generation import Generation
from runnables_providers.google.generation_config import written_options
from tests.both_modes import Call
from tests.sdk.recorder import Said, events, recording

CALL: Any = {"name": "look", "args": {"at": "sky"}, "id": "c1"}


def contents(*messages: Any, sign: bool = False) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = conversation(messages, sign=sign)["contents"]
    return found


# -- conversations


def test_all_system_messages_are_the_one_instruction() -> None:
    """Wherever they stand, in their order; the rest stays as it is."""
    said = [SystemMessage("a"), HumanMessage("Hi"), SystemMessage("b")]
    assert conversation(said, sign=False) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]},
    }


def test_results_in_a_row_are_one_content_and_later_ones_another() -> None:
    """The results of one turn go together, and get the names of their tools."""
    other = {**CALL, "id": "c2", "name": "hear"}
    said = [
        AIMessage("", tool_calls=[CALL, other]),
        ToolMessage("blue", tool_call_id="c1"),
        ToolMessage("birds", tool_call_id="c2"),
        AIMessage("", tool_calls=[{**CALL, "id": "c3"}]),
        ToolMessage("black", tool_call_id="c3"),
    ]
    found = contents(*said)
    assert [it["role"] for it in found] == ["model", "user", "model", "user"]
    results = [it["functionResponse"] for said in found[1::2] for it in said["parts"]]
    names = [(it["name"], it["id"]) for it in results]
    assert names == [("look", "c1"), ("hear", "c2"), ("look", "c3")]


def test_a_result_without_its_call_needs_the_name_of_the_tool() -> None:
    """Gemini tells results by the tool; one that nobody can name is an error that says so."""
    with pytest.raises(ConfigError, match="'c1', which no message before it makes.*name="):
        contents(ToolMessage("blue", tool_call_id="c1"))
    part = contents(ToolMessage("blue", tool_call_id="c1", name="look"))[0]["parts"][0]
    assert part["functionResponse"]["name"] == "look"


def test_names_that_were_made_here_do_not_go_to_the_service() -> None:
    """A call that the service gave no name goes back without one, and so does its result."""
    answer = Generation([HumanMessage("Hi")], {}).answer(
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "look"}}]}}]}, {}
    )
    name = answer.tool_calls[0]["id"]
    assert name is not None
    found = contents(answer, ToolMessage("blue", tool_call_id=name))
    assert found[0]["parts"] == [{"functionCall": {"name": "look", "args": {}}}]
    response = {"name": "look", "response": {"output": "blue"}}
    assert found[1]["parts"] == [{"functionResponse": response}]


def test_the_block_form_of_a_history_says_the_same() -> None:
    """Anthropic's blocks of calls and results, and canonical ones, are written like fields."""
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


def test_a_chunk_in_the_history_counts_as_the_message_it_makes() -> None:
    """What a stream gave can be sent as it is."""
    pieces: Any = [{"name": "look", "args": '{"at": "sky"}', "id": "c1", "index": 0}]
    chunk = AIMessageChunk("Well.", tool_call_chunks=pieces)
    assert contents(chunk) == contents(AIMessage("Well.", tool_calls=[CALL]))


def test_a_call_that_could_not_be_read_goes_back_with_its_text() -> None:
    """So the model sees what it wrote beside the answer to it."""
    broken: Any = {"name": "look", "args": '{"at"', "id": "c1", "error": "cut"}
    found = contents(AIMessage("", invalid_tool_calls=[broken]))
    call = {"name": "look", "args": {"invalid_arguments": '{"at"'}, "id": "c1"}
    assert found[0]["parts"] == [{"functionCall": call}]


def test_thoughts_of_other_models_stay_at_home() -> None:
    """Their reasoning means nothing here; what was said does."""
    thought: Any = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "theirs"}}
    found: Any = {"type": "search_result", "text": "by a tool of theirs"}
    foreign = AIMessage([thought, found, "Yes"], response_metadata={"model_provider": "anthropic"})
    assert contents(foreign)[0]["parts"] == [{"text": "Yes"}]
    own = AIMessage([thought, "Yes"], response_metadata={"model_provider": "google"})
    assert contents(own)[0]["parts"] == [{"text": "hm", "thought": True}, {"text": "Yes"}]


def test_calls_of_other_models_are_signed_for_models_that_ask_for_it() -> None:
    """Gemini 3 refuses calls without a signature, but for the word that Google gives for it."""
    said = [HumanMessage("Hi"), AIMessage("", tool_calls=[CALL, {**CALL, "id": "c2"}])]
    for model in ("gemini-3-flash-preview", "models/gemini-3.5-pro", "gemini-flash-latest"):
        first, second = Generation(said, {"model": model}).body(streamed=False)["contents"][1][
            "parts"
        ]
        assert first["thoughtSignature"] == SKIPPED
        assert "thoughtSignature" not in second
    for model in ("gemini-2.5-flash", "models/gemini-1.5-pro", "gemma-3-27b-it"):
        found = Generation(said, {"model": model}).body(streamed=False)["contents"][1]["parts"]
        assert "thoughtSignature" not in found[0]


def test_a_signature_goes_back_on_the_part_that_it_came_with() -> None:
    """On texts, thoughts and calls; a text with one is not joined to one without."""
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


def test_parts_without_a_common_form_go_back_as_they_came() -> None:
    """Code that ran on the service, in its place between the texts."""
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


def test_media_say_their_type_and_what_google_wants_to_know_of_them() -> None:
    """A type by default where it is not told, files by their address, extras as they stand."""
    film = {
        "type": "video",
        "file_id": "https://g.example/v1beta/files/a",
        "mime_type": "video/mp4",
        "extras": {"videoMetadata": {"startOffset": "2s"}},
    }
    found = contents(HumanMessage([{"type": "image", "base64": "AA=="}, film]))[0]["parts"]
    assert found == [
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {
            "fileData": {"fileUri": film["file_id"], "mimeType": "video/mp4"},
            "videoMetadata": {"startOffset": "2s"},
        },
    ]


def test_nothing_said_is_still_a_part() -> None:
    """The service refuses contents without parts."""
    assert contents(HumanMessage("")) == [{"role": "user", "parts": [{"text": ""}]}]


# -- options


def test_what_gemini_cannot_be_told_is_an_error() -> None:
    """Options, tools and choices that would change nothing are refused before anything is sent."""
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
    """The service refuses it; what remains is what is meant."""
    assert written_options({"tools": [], "tool_choice": "auto", "seed": 1}) == {
        "generationConfig": {"seed": 1}
    }


def test_a_function_without_parameters_has_no_schema() -> None:
    """The service refuses an empty one."""
    empty = {"type": "object", "properties": {}}
    tool = {"type": "function", "function": {"name": "now", "parameters": empty}}
    declared = [{"name": "now", "description": ""}]
    assert written_options({"tools": [tool]}) == {"tools": [{"functionDeclarations": declared}]}


def test_googles_own_settings_of_tools_and_safety_pass() -> None:
    """What has no word of ours is said in Google's."""
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    told = {"retrievalConfig": {"latLng": {"latitude": 1, "longitude": 2}}}
    tools = [{"type": "googleMaps"}]
    found = written_options({"tool_config": told, "safety_settings": safety, "tools": tools})
    assert found == {"tools": [{"googleMaps": {}}], "toolConfig": told, "safetySettings": safety}
    words = {"response_mime_type": "text/x.enum", "response_schema": {"enum": ["a", "b"]}}
    form = {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a", "b"]}}
    assert written_options(words) == {"generationConfig": form}


# -- the model


def test_it_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """By our name for the service and by LangChain's; either variable may hold the key."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "sk-x")
    for name in ("google:gemini-x", "google_genai:gemini-x"):
        model: Any = init_chat_model(name, thinking_budget=0)
        assert isinstance(model, ChatGoogleGenerativeAI)
        assert (model.model, model.thinking_budget) == ("gemini-x", 0)


def test_it_needs_a_key_and_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are missed when it is made."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="GOOGLE_API_KEY"):
        ChatGoogleGenerativeAI("gemini-x")
    for name in (None, "", "../x"):
        with pytest.raises(ConfigError, match="name of a model of Google's"):
            ChatGoogleGenerativeAI(name, api_key="k")


def test_it_is_a_value_that_keeps_its_secret() -> None:
    """It compares, travels and prints, without the key."""
    model = ChatGoogleGenerativeAI("m", api_key="sk-secret", top_k=3, safety_settings={"A": "B"})
    same = ChatGoogleGenerativeAI("m", api_key="sk-secret", top_k=3, safety_settings={"A": "B"})
    assert pickle.loads(pickle.dumps(model)) == model == same
    assert hash(model) == hash(same)
    assert model != ChatGoogleGenerativeAI("m", api_key="sk-secret", top_k=4)
    assert "top_k=3" in repr(model)
    assert "sk-secret" not in repr(model)


def test_a_call_may_name_another_model_and_more_fields(call: Call) -> None:
    """`model=` changes the address, `extra_body` and `extra_headers` stand as they are."""
    with recording() as server:
        server.says(Said({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}))
        model = ChatGoogleGenerativeAI(
            "m", api_key="sk-secret", base_url=server.url, api_version="v1"
        )
        call.invoke(
            model.bind(
                model="tunedModels/n", extra_body={"store": False}, extra_headers={"x-a": "b"}
            ),
            "Hi",
        )
    asked = server.asked[0]
    assert asked.path == "/v1/tunedModels/n:generateContent"
    assert asked.body["store"] is False
    assert asked.headers["x-a"] == "b"
    assert asked.headers["x-goog-api-key"] == "sk-secret"
    assert "authorization" not in asked.headers


@pytest.mark.usefixtures("at_once")
def test_a_further_attempt_says_the_same(call: Call) -> None:
    """With the further fields and headers, in whole answers and in streams."""
    busy = Said({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0"})
    answer = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}
    told = {"extra_body": {"store": False}, "extra_headers": {"x-a": "b"}}
    with recording() as server:
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url).bind(**told)
        for said, run in ((Said(answer), call.invoke), (events([answer]), call.stream)):
            server.says(busy, said)
            run(model, "Hi")
            first, second = server.asked
            assert second.body == first.body
            assert second.headers["x-a"] == first.headers["x-a"] == "b"


def test_an_agent_gives_back_what_it_got(call: Call) -> None:
    """Signed calls and thoughts, with the results of the tools in one content behind them."""

    def look(at: str) -> str:
        """What is there."""
        return f"{at}: blue"

    parts = [
        {"text": "Up, then down.", "thought": True},
        {"functionCall": {"name": "look", "args": {"at": "sky"}}, "thoughtSignature": "c2lnbmVk"},
        {"functionCall": {"name": "look", "args": {"at": "sea"}}},
    ]
    asks = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    last = {"candidates": [{"content": {"parts": [{"text": "Blue."}]}, "finishReason": "STOP"}]}
    with recording() as server:
        server.says(Said(asks), Said(last))
        model = ChatGoogleGenerativeAI("gemini-3-x", api_key="k", base_url=server.url)
        found: Any = call.invoke(create_agent(model, [look]), {"messages": ["Which colours?"]})
    assert found["messages"][-1].text == "Blue."
    said = server.bodies[1]["contents"]
    assert said[1] == {"role": "model", "parts": parts}
    results = [it["functionResponse"]["response"]["output"] for it in said[2]["parts"]]
    assert results == ["sky: blue", "sea: blue"]
    assert len(said) == 3


# -- faults

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


def refusal(code: int, status: str, message: str, *details: Any) -> Said:
    error = {"code": code, "status": status, "message": message, "details": list(details)}
    return Said({"error": error}, status=code)


FAULTS: list[tuple[Said, type[ModelError]]] = [
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
    (Said([{"error": {"code": 500, "message": "in a list"}}], status=500), ServerError),
    (Said(b"<html>", status=502, content_type="text/html"), ServerError),
    (Said({"usageMetadata": {}}), ServerError),
    (Said(b"{", content_type="application/json"), ServerError),
]


@pytest.mark.parametrize("said, kind", FAULTS, ids=lambda it: getattr(it, "__name__", None))
def test_faults_are_portable(said: Said, kind: type[ModelError], call: Call) -> None:
    """Each has the class of its kind, with the service's message and status, and no key."""
    with recording() as server:
        server.says(said)
        model = ChatGoogleGenerativeAI("m", api_key="sk-secret", base_url=server.url, max_retries=0)
        with pytest.raises(kind) as caught:
            call.invoke(model, "Hi")
        if said.status != 200:
            with pytest.raises(kind):
                call.stream(model, "Hi")
    assert type(caught.value) is kind
    assert caught.value.provider == "google"
    assert caught.value.status == (said.status if said.status != 200 else None)
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("quota, daily", [(MINUTE, False), (DAY, True)])
def test_the_delay_and_the_quota_of_a_day_are_told(quota: Any, daily: bool, call: Call) -> None:
    """Google says both in the body only, and a delay for a day's quota, too."""
    with recording() as server:
        server.says(refusal(429, "RESOURCE_EXHAUSTED", "quota", quota, RETRY))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(RateLimitError) as caught:
            call.invoke(model, "Hi")
    assert caught.value.retry_after == pytest.approx(45.837906927)
    assert caught.value.daily is daily


def test_a_fault_in_mid_stream_has_its_class(call: Call) -> None:
    """What was said before it arrives first."""
    first = {"candidates": [{"content": {"parts": [{"text": "One"}]}}]}
    error = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}
    with recording() as server:
        server.says(events([first, error]))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        assert call.stream(model, "Hi", take=1)[0].text == "One"
        with pytest.raises(ServerError, match="overloaded") as caught:
            call.stream(model, "Hi")
    assert caught.value.status == 503
