"""Chat models of Anthropic, and of every server that has its Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Unpack

from runnables.errors import ConfigError
from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers._remote.keys import Key, hidden, key_of
from runnables_providers._remote.other_names import ANTHROPIC_NAMES, takes_other_names
from runnables_providers._remote.service import Service, variable
from runnables_providers._remote.tool_calls import with_only_tool
from runnables_providers.anthropic.messages_api import MessagesCall
from runnables_providers.anthropic.output_schemas import claude_schema, is_supported
from runnables_providers.anthropic.requests import OPTIONS, as_own_tool, format_of, headers_of

if TYPE_CHECKING:
    from runnables.messages import BaseMessage
    from runnables.models.batch_service import BatchService
    from runnables.models.structured.output import Method
    from runnables_providers._http import Request
    from runnables_providers.anthropic.settings import AnthropicSettings

_KEY: Final = "ANTHROPIC_API_KEY"

ANTHROPIC: Final = Service(
    name="anthropic",
    display_name="Anthropic",
    url="https://api.anthropic.com",
    url_variables=("ANTHROPIC_BASE_URL",),
    key_variables=(_KEY, "ANTHROPIC_AUTH_TOKEN"),
    id_headers=("request-id", "x-request-id"),
)


@takes_other_names(ANTHROPIC_NAMES)
class ChatAnthropic(HTTPChatModel, internal=True):
    """A chat model of Anthropic, or of a server that has its Messages API.

    Settings are defaults: a call can override each of the options among them. The names of
    messages are not sent, and there is no `seed`: the API has no place for either.

    Args:
        model: the name of the model, such as "claude-sonnet-5-5".
        auth_token: a bearer token, or a function that returns one, sent in place of a key, as some
            gateways expect it; by default ANTHROPIC_AUTH_TOKEN of the environment, where it has
            no key.
        **settings: the settings below.

    Keyword Args:
        api_key (str | SecretStr | Callable[[], str]): the key, or a function that returns the one
            to use now, called in the thread or loop of each call; by default ANTHROPIC_API_KEY of
            the environment, read at each call.
        base_url (str): another URL than Anthropic's, with or without "/v1" at its end; by default
            ANTHROPIC_BASE_URL of the environment.
        temperature (float): how freely the model chooses, from 0 (the likeliest token) up.
        max_tokens (int): the most tokens that an answer may have; by default 16,384, and the tokens
            that `thinking` sets apart.
        stop (str | Sequence[str]): strings before which an answer ends.
        top_p (float): choose among the likeliest tokens of this total probability.
        top_k (int): choose among this many of the likeliest tokens.
        thinking (Mapping[str, Any]): whether and how the model reasons, such as
            `{"type": "adaptive"}`.
        effort (str): how much work the model puts into an answer: "low", "medium" or "high".
        parallel_tool_calls (bool): whether the model may call several tools at once.
        metadata (Mapping[str, Any]): facts about the request, such as `{"user_id": ...}`.
        service_tier (str): how requests are processed: "auto" or "standard_only".
        speed (str): how fast the model writes: "standard" or "fast".
        inference_geo (str): the region in which the model runs.
        cache_control (Mapping[str, Any]): how the service caches the prompt, such as
            `{"type": "ephemeral"}`.
        container (str | Mapping[str, Any]): the container in which code of the model runs; by
            default that of the answers before, and an empty string stands for a new one.
        betas (str | Sequence[str]): features in beta to turn on, by Anthropic's names for them.
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
        AuthenticationError: there is no key for Anthropic's own URL.
        ConfigError: the model does not know an option, or `base_url` is no URL.

    Example:
        >>> from runnables_providers.anthropic import ChatAnthropic
        >>> ChatAnthropic("claude-sonnet-5-5", api_key="sk-ant-...", effort="low").effort
        'low'
    """

    service: ClassVar[Service] = ANTHROPIC
    structured_objects: ClassVar[bool] = True
    known_options: ClassVar[frozenset[str]] = (REMOTE_OPTIONS | OPTIONS) - {"seed"}

    def __init__(
        self,
        model: str | None = None,
        *,
        auth_token: Key | None = None,
        **settings: Unpack[AnthropicSettings],
    ) -> None:
        if settings.get("seed") is not None:
            raise ConfigError("ChatAnthropic has no option 'seed': the Messages API knows none.")
        self.auth_token = hidden(auth_token)
        super().__init__(model, **settings)

    # -- the key, and the URL

    def _configured_key(self) -> str | None:
        token = self.auth_token
        if token is None or self.api_key is not None:
            return super()._configured_key()
        return key_of(token)

    def _auth(self, key: str) -> Mapping[str, str]:
        return super()._auth(key) if self._has_token() else {"x-api-key": key}

    def _has_token(self) -> bool:
        """Tell whether a token is used, not a key; arguments override the environment."""
        if self.api_key is not None:
            return False
        return self.auth_token is not None or not variable(_KEY)

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/messages" if self._url().endswith("/v1") else "/v1/messages"

    # -- the request

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("tools"):
            given = {**given, "tools": [as_own_tool(tool) for tool in given["tools"]]}
        options = super()._options(given)
        format_of(options.get("response_format"))  # raises before a request is sent
        return options

    def _method_for(self, form: Mapping[str, Any]) -> Method:
        """Choose a schema where the API supports it. Other servers may not, but have tools."""
        return (
            "json_schema" if self._is_official_url() and is_supported(form) else "function_calling"
        )

    def _fitted_schema(
        self, schema: dict[str, Any], strict: bool | None
    ) -> tuple[dict[str, Any], bool | None]:
        return (claude_schema(schema), True) if strict else (schema, strict)

    def _build_request(
        self, messages: list[BaseMessage], options: dict[str, Any], *, streamed: bool
    ) -> tuple[ApiCall, Request]:
        headers = headers_of(options)
        extra: Mapping[str, str] | None = options.get("extra_headers")
        for own_headers in (self.default_headers, extra):
            if own_headers:
                headers.update((name.lower(), value) for name, value in own_headers.items())
        return super()._build_request(
            messages, {**options, "extra_headers": headers}, streamed=streamed
        )

    def _batch_service(self) -> BatchService:
        from runnables_providers.anthropic.batches import AnthropicBatches

        return AnthropicBatches(self)

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        if "tool_choice" in options and not self._is_official_url():
            options = with_only_tool(options)
        return MessagesCall(
            messages,
            options,
            provider=self.service.name,
            unsigned=not self._is_official_url(),
        )
