"""Chat models of Google: Gemini, over the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers._remote.other_names import GOOGLE_NAMES, takes_other_names
from runnables_providers.google.generation import Generation
from runnables_providers.google.generation_config import OPTIONS, typed_tool
from runnables_providers.google.service import API_VERSION, GoogleRemote, resource

if TYPE_CHECKING:
    from runnables.messages import BaseMessage
    from runnables.models.batch_service import BatchService
    from runnables_providers.google.settings import GoogleSettings


@takes_other_names(GOOGLE_NAMES)
class ChatGoogleGenerativeAI(GoogleRemote, HTTPChatModel, internal=True):
    """A chat model of Google, over the Gemini API.

    Where the service blocks a prompt, or ends an answer for safety, the answer is a message with a
    refusal: `AIMessage.refusal` says why.

    Settings are defaults: a call can override each of the options among them. Also known are
    Google's options `frequency_penalty`, `presence_penalty`, `response_logprobs`, `logprobs`,
    `response_mime_type`, `response_schema`, `response_json_schema`, `tool_config`, `labels` and
    `service_tier`.

    Args:
        model: the name of the model, such as "gemini-3-flash-preview".
        api_version: the version of the API, which is part of its URLs.
        **settings: the settings below.

    Keyword Args:
        api_key (str | SecretStr | Callable[[], str]): the key, or a function that returns the one
            to use now, called in the thread or loop of each call; by default GOOGLE_API_KEY or
            GEMINI_API_KEY of the environment, read at each call.
        base_url (str): another URL than Google's; by default GOOGLE_GEMINI_BASE_URL of the
            environment.
        temperature (float): how freely the model chooses, from 0 (the likeliest token) up.
        max_tokens (int): the most tokens that an answer may have, with those of its reasoning.
        stop (str | Sequence[str]): strings before which an answer ends.
        seed (int): makes answers repeatable, where the service can.
        top_p (float): choose among the likeliest tokens of this total probability.
        top_k (int): choose among this many of the likeliest tokens.
        thinking_level (str): how much a model since Gemini 3 reasons: "minimal", "low", "medium" or
            "high".
        thinking_budget (int): how many tokens an older model may reason with; 0: none, -1: as many
            as it finds useful.
        include_thoughts (bool): whether answers have summaries of the reasoning, as reasoning
            blocks.
        safety_settings (Mapping[str, str] | Sequence[Mapping[str, Any]]): thresholds by category,
            or Google's own list.
        cached_content (str): the name of a cached beginning of the prompt.
        response_modalities (Sequence[str]): what an answer consists of: "TEXT", "IMAGE", "AUDIO".
        media_resolution (str): how closely the model looks at media.
        speech_config (Mapping[str, Any]): the voice of spoken answers.
        image_config (Mapping[str, Any]): size and shape of images that the model makes.
        timeout (float | Timeouts): seconds to wait for the first byte of an answer, and between two
            chunks of it; or `Timeouts`, which has each limit by name.
        max_retries (int | None): how often a request is repeated after an error that may pass; 2 by
            default.
        max_retry_delay (float): the longest delay, in seconds, that the service may ask for before
            a retry; 60 by default.
        rate_limiter (BaseRateLimiter): spaces the requests of all models that share it.
        cache (BaseCache): where answers are stored, and looked for first.
        default_headers (Mapping[str, str]): more headers of each request; their values never print.
        extra_body (Mapping[str, Any]): more keys of each request, passed on unchanged, which
            override all others.
        name (str): the name of the model in traces, events and logs.

    Raises:
        AuthenticationError: there is no key for Google's own URL.
        ConfigError: no model is named, the model does not know an option, or `base_url` is no
            URL.

    Example:
        >>> from runnables_providers.google import ChatGoogleGenerativeAI
        >>> model = ChatGoogleGenerativeAI("gemini-3-flash-preview", api_key="...", top_k=20)
        >>> model.top_k
        20
    """

    known_options: ClassVar[frozenset[str]] = REMOTE_OPTIONS | OPTIONS

    def __init__(
        self,
        model: str | None = None,
        *,
        api_version: str = API_VERSION,
        **settings: Unpack[GoogleSettings],
    ) -> None:
        self.api_version = api_version
        super().__init__(model, **settings)
        resource(model)  # raises where there is none

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("tools"):
            given = {**given, "tools": [typed_tool(tool) for tool in given["tools"]]}
        return super()._options(given)

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        method = "streamGenerateContent?alt=sse" if streamed else "generateContent"
        return self._model_path(options.get("model"), method)

    def _batch_service(self) -> BatchService:
        from runnables_providers.google.batches import GoogleBatches

        return GoogleBatches(self)

    def _flex_options(self) -> dict[str, Any]:
        return {"service_tier": "flex"}

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        return Generation(messages, options)
