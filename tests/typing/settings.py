"""The settings of models: what type checkers accept and refuse. Read by mypy and pyright; not run.

An expected error carries both checkers' ignores. Both complain about an ignore that is not needed,
so a setting that is wrongly accepted fails the check, too.
"""

from __future__ import annotations

from typing import assert_type

from runnables import (
    ChatModel,
    InMemoryCache,
    InMemoryRateLimiter,
    JsonOutputToolsParser,
    init_chat_model,
)
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from runnables_providers.local import LocalChatModel, LocalEmbeddings
from runnables_providers.ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from runnables_providers.openai import (
    AzureChatOpenAI,
    ChatOpenAI,
    OpenAI,
    OpenAIEmbeddings,
    Timeouts,
)
from runnables_providers.scripted import ScriptedChatModel

# -- settings of every model: how it is asked

limiter = InMemoryRateLimiter(requests_per_second=5)
ChatOpenAI("gpt-5-mini", name="mini", max_retries=None, max_retry_delay=5, rate_limiter=limiter)
ChatAnthropic("claude-sonnet-5-5", api_key=lambda: "key", cache=InMemoryCache(), stop="\n\n")
ChatGoogleGenerativeAI("gemini-3-flash-preview", timeout=Timeouts(first=20), base_url="http://x")
ChatOllama("llama3.2", base_url="http://x", default_headers={"x": "y"}, extra_body={"raw": True})
ScriptedChatModel(["Hello!"], stop=["."], seed=1, cache=InMemoryCache(), name="script")

# -- options that only one provider has, as defaults

ChatOpenAI(reasoning_effort="low", logprobs=True, top_logprobs=2, include=[], tools=[len])
AzureChatOpenAI(azure_deployment="mini", use_responses_api=True, reasoning={"summary": "auto"})
ChatAnthropic(thinking={"type": "adaptive"}, betas=["files"], top_k=5, effort=None)
ChatGoogleGenerativeAI(thinking_budget=0, safety_settings={"HARM": "OFF"}, logprobs=3, seed=1)
ChatOllama(num_ctx=8192, think="low", keep_alive=60, logprobs=True, response_format=None)
LocalChatModel(seed=1, context_size=2048)

# -- models of text

assert_type(OpenAI(temperature=0, best_of=2, suffix="end").invoke("a"), str)
OpenAI(model_name="m", openai_api_key="key", model_kwargs={"echo": True}, streaming=True)
assert_type(OllamaLLM(model="llama3.2", num_ctx=8192, format="json").invoke("a"), str)

# -- embeddings

OpenAIEmbeddings("text-embedding-3-small", dimensions=256, max_batch_size=10, timeout=2.5)
GoogleGenerativeAIEmbeddings("gemini-embedding-001", task_type="CLUSTERING", api_key="key")
OllamaEmbeddings("nomic-embed-text", truncate=False, max_retries=0)
LocalEmbeddings(pooling="mean", truncate=True)
assert_type(LocalEmbeddings().vector_space, str)
assert_type(OpenAIEmbeddings("m").vector_space, str | None)

# -- refused: settings that there are not, here or for this provider

ChatOpenAI(temprature=0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
ChatOpenAI(num_ctx=8192)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
AzureChatOpenAI(azure_endpont="http://x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
ChatAnthropic(seed=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
ChatGoogleGenerativeAI(keep_alive=60)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
ChatOllama(reasoning_effort="low")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
OpenAI(tools=[len])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
OllamaLLM(tool_choice="auto")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
LocalChatModel(base_url="http://x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
ScriptedChatModel(["Hello!"], base_url="http://x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
OpenAIEmbeddings(temperature=0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
GoogleGenerativeAIEmbeddings(cache=None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
OllamaEmbeddings(num_ctx=8192)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
LocalEmbeddings(dimensions=64)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

# -- LangChain's names

ChatOpenAI(model_name="m", openai_api_key="key", openai_api_base="http://x", request_timeout=3)
ChatOpenAI("m", max_completion_tokens=5, streaming=True, verbose=False, model_kwargs={"seed": 1})
AzureChatOpenAI(deployment_name="d", openai_api_version="v", openai_api_key="key")
ChatAnthropic(model_name="m", anthropic_api_key="key", max_tokens_to_sample=5, stop_sequences=["x"])
ChatGoogleGenerativeAI("m", google_api_key="key", max_output_tokens=5)
ChatGoogleGenerativeAI(model="m", n=1, convert_system_message_to_human=False, retries=2)
ChatOllama(model="m", format="json", num_predict=5, reasoning=False)
ChatOllama(model="m", format={"type": "object"}).bind(format="json")
OpenAIEmbeddings(openai_api_key="key", chunk_size=5, show_progress_bar=False)
GoogleGenerativeAIEmbeddings(model="m", google_api_key="key", additional_headers={"x": "y"})
JsonOutputToolsParser(tools=[len], first_tool_only=True)
assert_type(ChatOpenAI("m").model_name, str | None)
assert_type(init_chat_model("gpt-5-mini", model_provider="openai"), ChatModel)
init_chat_model(temperature=0).invoke("Hello", {"configurable": {"model": "openai:gpt-5-mini"}})
init_chat_model("m", configurable_fields=("model",), config_prefix="my").with_config(tags=["x"])

# -- refused: values of another type

ChatOpenAI(temperature="hot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ChatOpenAI(stream_usage="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AzureChatOpenAI(use_responses_api="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ChatAnthropic(max_tokens="many")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ChatGoogleGenerativeAI(thinking_budget="none")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ChatOllama(num_ctx="8k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
LocalChatModel(context_size="2k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ScriptedChatModel(["Hello!"], cycle=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
OpenAIEmbeddings(encoding_format="binary")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
OllamaEmbeddings(dimensions="few")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# -- by name, settings are checked when the model is made

assert_type(init_chat_model("openai:gpt-5-mini", reasoning_effort="low"), ChatModel)
assert_type(init_chat_model("other:model", setting_of_its_own=1), ChatModel)
