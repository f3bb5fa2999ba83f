"""Chat models of OpenAI, and of every server with an OpenAI-compatible API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from runnables.engine.timeouts import async_sleep, sleep
from runnables.errors import ConfigError, did_you_mean
from runnables_providers._http import Request, asend, send
from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers._remote.origins import endpoint_of
from runnables_providers._remote.other_names import OPENAI_NAMES, takes_other_names
from runnables_providers._remote.tool_calls import with_only_tool
from runnables_providers.openai import background, completions, responses
from runnables_providers.openai.background import answer_path, is_in_background, is_pending
from runnables_providers.openai.service import OpenAIRemote

if TYPE_CHECKING:
    from runnables.messages import AIMessage, BaseMessage
    from runnables.models.batch_service import BatchService
    from runnables_providers.openai.settings import OpenAISettings


@takes_other_names(OPENAI_NAMES)
class ChatOpenAI(OpenAIRemote, HTTPChatModel, internal=True):
    """A chat model of OpenAI, or of any server with an OpenAI-compatible API.

    With `base_url` it is a model of vLLM, llama.cpp, LM Studio, Groq, OpenRouter, DeepSeek and
    many others. Such a server may need no key, and receives `max_tokens` under that name instead
    of OpenAI's `max_completion_tokens`.

    Settings are defaults: a call can override each of the options among them. Also known are
    OpenAI's options `metadata`, `store`, `user`, `safety_identifier`, `prompt_cache_key`,
    `prompt_cache_retention`; of chat completions `audio`, `frequency_penalty`, `logit_bias`,
    `logprobs`, `modalities`, `n`, `prediction`, `presence_penalty`, `web_search_options`, and
    `functions` with `function_call`, the older form of tools; and of Responses `background`,
    `conversation`, `include`, `instructions`, `max_tool_calls`, `previous_response_id`, `prompt`,
    `reasoning`, `text`, `truncation`.

    Args:
        model: the name of the model, such as "gpt-5-mini". With OpenAI's own URL it may be left
            out, and is then "gpt-3.5-turbo", as LangChain has it.
        organization: on whose account; by default OPENAI_ORG_ID of the environment.
        project: for which project; by default OPENAI_PROJECT_ID of the environment.
        stream_usage: whether to ask for the usage of streams; False for servers that refuse it.
        use_responses_api: use Responses instead of chat completions. They have no `seed`, and no
            stop sequences: the text is truncated here, while the service writes on.
        **settings: the settings below.

    Keyword Args:
        api_key (str | SecretStr | Callable[[], str]): the key, or a function that returns the one
            to use now, called in the thread or loop of each call; by default OPENAI_API_KEY of the
            environment, read at each call.
        base_url (str): another URL than OpenAI's; by default OPENAI_BASE_URL or OPENAI_API_BASE of
            the environment.
        temperature (float): how freely the model chooses, from 0 (the likeliest token) up.
        max_tokens (int): the most tokens that an answer may have.
        stop (str | Sequence[str]): strings before which an answer ends.
        seed (int): makes answers repeatable, where the service can.
        top_p (float): choose among the likeliest tokens of this total probability.
        reasoning_effort (str): how much a reasoning model reasons: "none", "minimal", "low",
            "medium" or "high".
        verbosity (str): how long answers are: "low", "medium" or "high".
        parallel_tool_calls (bool): whether the model may call several tools at once.
        service_tier (str): how requests are processed: "auto", "default", "flex" or "priority".
        top_logprobs (int): how many of the likeliest tokens are reported for each token.
        timeout (float | Timeouts): seconds to wait for the first byte of an answer, and between two
            chunks of it; or `Timeouts`, which has each limit by name.
        max_retries (int | None): how often a request is repeated after an error that may pass; 2 by
            default.
        max_retry_delay (float): the longest delay, in seconds, that the service may ask for before
            a retry; 60 by default.
        rate_limiter (BaseRateLimiter): spaces the requests of all models that share it.
        cache (BaseCache): where answers are stored, and looked for first.
        default_headers (Mapping[str, str]): more headers of each request; their values never print.
        extra_body (Mapping[str, Any]): more keys of each request; objects are merged into those of
            the request, and anything else overrides.
        name (str): the name of the model in traces, events and logs.

    Raises:
        AuthenticationError: there is no key for OpenAI's own URL.
        ConfigError: the model does not know an option, or `base_url` is no URL.

    Example:
        >>> from runnables_providers.openai import ChatOpenAI
        >>> model = ChatOpenAI("gpt-5-mini", api_key="sk-...", reasoning_effort="low")
        >>> model.reasoning_effort
        'low'
        >>> ChatOpenAI("llama", base_url="http://127.0.0.1:8000/v1")  # a server without a key
        ChatOpenAI(..., model='llama', base_url='http://127.0.0.1:8000/v1')
    """

    default_model: ClassVar[str | None] = "gpt-3.5-turbo"
    """The model where none is named, and no other server."""
    structured_objects: ClassVar[bool] = True
    known_options: ClassVar[frozenset[str]] = (
        REMOTE_OPTIONS | completions.OPTIONS | responses.OPTIONS
    )

    def __init__(
        self,
        model: str | None = None,
        *,
        organization: str | None = None,
        project: str | None = None,
        stream_usage: bool = True,
        use_responses_api: bool = False,
        **settings: Unpack[OpenAISettings],
    ) -> None:
        self.organization = organization
        self.project = project
        self.stream_usage = stream_usage
        self.use_responses_api = use_responses_api
        if model is None and settings.get("base_url") is None:
            model = self.default_model
        super().__init__(model, **settings)

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/responses" if self.use_responses_api else "/chat/completions"

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        self._check(options)
        if "tool_choice" in options and not self._is_official_url():
            options = with_only_tool(options)
        official = self._is_official_url()
        if self.use_responses_api:
            return responses.Response(
                messages,
                options,
                provider=self.service.name,
                endpoint=endpoint_of(self._url(), "/responses"),
                full_items=not official,
            )
        return completions.Completion(
            messages,
            options,
            provider=self.service.name,
            limit="max_completion_tokens" if official else "max_tokens",
            usage=self.stream_usage,
            endpoint=endpoint_of(self._url(), "/chat/completions"),
            official=official,
        )

    # -- at half the price

    def _batch_service(self) -> BatchService:
        from runnables_providers.openai.batches import OpenAIBatches

        return OpenAIBatches(self)

    def _flex_options(self) -> dict[str, Any]:
        return {"service_tier": "flex"}

    # -- answers in the background

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        if not is_in_background(options):
            return super()._generate(messages, options)
        call, request = self._build_request(messages, options, streamed=True)
        answer = self._read_any(call, send(request, self._client_config(), self.service.name))
        for delay in background.DELAYS:
            if not is_pending(answer):
                break
            sleep(delay)
            call, request = self._question(answer, messages, options)
            answer = self._read_any(call, send(request, self._client_config(), self.service.name))
        return answer

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        if not is_in_background(options):
            return await super()._agenerate(messages, options)
        call, request = self._build_request(messages, options, streamed=True)
        answer = self._read_any(
            call, await asend(request, self._client_config(), self.service.name)
        )
        for delay in background.DELAYS:
            if not is_pending(answer):
                break
            await async_sleep(delay)
            call, request = self._question(answer, messages, options)
            answer = self._read_any(
                call, await asend(request, self._client_config(), self.service.name)
            )
        return answer

    def _question(
        self, answer: AIMessage, messages: list[BaseMessage], options: dict[str, Any]
    ) -> tuple[ApiCall, Request]:
        """Return the request for an answer that the service is making."""
        call, request = self._build_request(messages, options, streamed=False)
        path = answer_path(self._path(options, streamed=False), str(answer.id))
        return call, Request("GET", self._url() + path, request.headers)

    def _fitted_schema(
        self, schema: dict[str, Any], strict: bool | None
    ) -> tuple[dict[str, Any], bool | None]:
        """Make a schema strict where OpenAI's rules can express it: its models then follow it."""
        if strict is None and self._is_official_url():
            try:
                return super()._fitted_schema(schema, True)
            except ConfigError:
                return schema, None
        return super()._fitted_schema(schema, strict)

    def _check(self, options: Mapping[str, Any]) -> None:
        """Refuse options that only the other interface has."""
        known, other = completions.OPTIONS, responses.OPTIONS
        interface = "Chat completions"
        if self.use_responses_api:
            known, other, interface = other, known, "Responses"
        for name in options:
            if name in other and name not in known:
                raise ConfigError(
                    f"{type(self).__name__}: {interface} have no option {name!r}."
                    f"{did_you_mean(name, known)} OpenAI's other interface has it: "
                    f"use_responses_api={not self.use_responses_api}."
                )
