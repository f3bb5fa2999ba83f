"""Chat models of Anthropic, and of every server that speaks its Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.errors import ConfigError
from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers._remote.keys import Key, hidden, key_of
from runnables_providers._remote.service import Service, variable
from runnables_providers._remote.tool_calls import with_only_tool
from runnables_providers.anthropic.messages_api import MessagesCall
from runnables_providers.anthropic.output_schemas import claude_schema, is_supported
from runnables_providers.anthropic.requests import OPTIONS, as_own_tool, format_of, headers_of

if TYPE_CHECKING:
    from runnables.messages import BaseMessage
    from runnables.models.structured.output import Method
    from runnables_providers._http import Request

_KEY: Final = "ANTHROPIC_API_KEY"

ANTHROPIC: Final = Service(
    name="anthropic",
    display_name="Anthropic",
    url="https://api.anthropic.com",
    url_variables=("ANTHROPIC_BASE_URL",),
    key_variables=(_KEY, "ANTHROPIC_AUTH_TOKEN"),
    id_headers=("request-id", "x-request-id"),
)


class ChatAnthropic(HTTPChatModel, internal=True):
    """A chat model of Anthropic, or of a server that speaks its Messages API.

    Further options go by the names of the API: `thinking`, `effort`, `top_k`, `metadata`,
    `service_tier`, `betas` and others. `max_tokens` is 16,384 by default, beyond the tokens that
    `thinking` sets apart. Names of speakers are not sent: the API has no place for them.

    Args:
        model: as Anthropic calls it, for instance "claude-sonnet-5-5".
        auth_token: goes out as a bearer token in place of a key, as some gateways want it; by
            default ANTHROPIC_AUTH_TOKEN of the environment, where it has no key.
        **settings: those of `HTTPChatModel`, but for `seed`, which the API does not have, and
            defaults of options. `base_url` may end with "/v1" or not.

    Raises:
        AuthenticationError: no key is given or in ANTHROPIC_API_KEY, for Anthropic's own address.
        ConfigError: an option that the model does not know, an address that is none.
    """

    service: ClassVar[Service] = ANTHROPIC
    structured_objects: ClassVar[bool] = True
    known_options: ClassVar[frozenset[str]] = (REMOTE_OPTIONS | OPTIONS) - {"seed"}

    def __init__(
        self, model: str | None = None, *, auth_token: Key | None = None, **settings: Any
    ) -> None:
        if settings.get("seed") is not None:
            raise ConfigError("ChatAnthropic has no option 'seed': the Messages API knows none.")
        self.auth_token = hidden(auth_token)
        super().__init__(model, **settings)

    # -- who asks, and where

    def _given(self) -> str | None:
        token = self.auth_token
        if token is None or self.api_key is not None:
            return super()._given()
        return key_of(token)

    def _auth(self, key: str) -> Mapping[str, str]:
        return super()._auth(key) if self._has_token() else {"x-api-key": key}

    def _has_token(self) -> bool:
        """Whether a token is used, not a key; what is given counts before the environment."""
        if self.api_key is not None:
            return False
        return self.auth_token is not None or not variable(_KEY)

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/messages" if self._url().endswith("/v1") else "/v1/messages"

    # -- what to ask

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("tools"):
            given = {**given, "tools": [as_own_tool(tool) for tool in given["tools"]]}
        options = super()._options(given)
        format_of(options.get("response_format"))  # raises before anything is asked
        return options

    def _method_for(self, form: Mapping[str, Any]) -> Method:
        """By schema where the API can say it; others may not know how, but they know tools."""
        return "json_schema" if self._is_own() and is_supported(form) else "function_calling"

    def _fitted_schema(
        self, schema: dict[str, Any], strict: bool | None
    ) -> tuple[dict[str, Any], bool | None]:
        return (claude_schema(schema), True) if strict else (schema, strict)

    def _build_request(
        self, messages: list[BaseMessage], options: dict[str, Any], *, streamed: bool
    ) -> tuple[ApiCall, Request]:
        headers = headers_of(options)
        given: Mapping[str, str] | None = options.get("extra_headers")
        for told in (self.default_headers, given):
            if told:
                headers.update((name.lower(), value) for name, value in told.items())
        return super()._build_request(
            messages, {**options, "extra_headers": headers}, streamed=streamed
        )

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        if "tool_choice" in options and not self._is_own():
            options = with_only_tool(options)
        return MessagesCall(messages, options, provider=self.service.name)
