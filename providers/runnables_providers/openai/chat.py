"""Chat models of OpenAI, and of every server that speaks as OpenAI does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.errors import ConfigError, did_you_mean
from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers._remote.service import Service, variable
from runnables_providers._remote.tool_calls import with_only_tool
from runnables_providers.openai import completions, responses

if TYPE_CHECKING:
    from runnables.messages import BaseMessage

OPENAI: Final = Service(
    name="openai",
    display_name="OpenAI",
    url="https://api.openai.com/v1",
    url_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    key_variables=("OPENAI_API_KEY",),
)


class ChatOpenAI(HTTPChatModel, internal=True):
    """A chat model of OpenAI, or of any server that speaks as it does.

    With `base_url` it is a model of vLLM, llama.cpp, LM Studio, Groq, OpenRouter, DeepSeek and
    many others; such a server may want no key, and `max_tokens` then goes by that name instead
    of OpenAI's `max_completion_tokens`.

    Args:
        model: as the service calls it, for instance "gpt-5-mini".
        organization: on whose account; by default OPENAI_ORG_ID of the environment.
        project: for which project; by default OPENAI_PROJECT_ID.
        stream_usage: whether to ask for the usage of streams; False for servers that refuse it.
        use_responses_api: speak Responses instead of chat completions. They know no `seed`, and
            no stop sequences: the text is cut here, while the service writes on.
        **settings: those of `HTTPChatModel`, and defaults of options.

    Raises:
        AuthenticationError: no key is given or in OPENAI_API_KEY, for OpenAI's own address.
        ConfigError: an option that the model does not know, an address that is none.
    """

    service: ClassVar[Service] = OPENAI
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
        **settings: Any,
    ) -> None:
        self.organization = organization
        self.project = project
        self.stream_usage = stream_usage
        self.use_responses_api = use_responses_api
        super().__init__(model, **settings)

    def _auth(self, key: str) -> Mapping[str, str]:
        headers = dict(super()._auth(key))
        if self._is_own():  # who else is asked need not know for whom
            account = {
                "openai-organization": self.organization or variable("OPENAI_ORG_ID"),
                "openai-project": self.project or variable("OPENAI_PROJECT_ID"),
            }
            headers.update({name: it for name, it in account.items() if it})
        return headers

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/responses" if self.use_responses_api else "/chat/completions"

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        self._check(options)
        if "tool_choice" in options and not self._is_own():
            options = with_only_tool(options)
        if self.use_responses_api:
            whole = not self._is_own()
            return responses.Response(messages, options, provider=self.service.name, whole=whole)
        return completions.Completion(
            messages,
            options,
            provider=self.service.name,
            limit="max_completion_tokens" if self._is_own() else "max_tokens",
            usage=self.stream_usage,
        )

    def _fitted_schema(
        self, schema: dict[str, Any], strict: bool | None
    ) -> tuple[dict[str, Any], bool | None]:
        """OpenAI holds its models to every schema that can be said by its rule."""
        if strict is None and self._is_own():
            try:
                return super()._fitted_schema(schema, True)
            except ConfigError:
                return schema, None
        return super()._fitted_schema(schema, strict)

    def _check(self, options: Mapping[str, Any]) -> None:
        """Refuse what only the other interface knows."""
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
