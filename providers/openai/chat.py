"""Chat models of OpenAI, and of every server that speaks as OpenAI does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from providers._chat import REMOTE_OPTIONS, Exchange, HTTPChatModel
from providers._service import Key, Service
from providers.openai.completions import OPTIONS, Completion

if TYPE_CHECKING:
    from providers._http import Timeouts
    from runnables.messages import BaseMessage

OPENAI = Service(
    name="openai",
    title="OpenAI",
    url="https://api.openai.com/v1",
    url_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    key_variables=("OPENAI_API_KEY",),
)


class ChatOpenAI(HTTPChatModel, reports=True):
    """A chat model of OpenAI, or of a compatible server."""

    service: ClassVar[Service] = OPENAI
    known_options: ClassVar[frozenset[str]] = REMOTE_OPTIONS | OPTIONS

    def __init__(
        self,
        model: str | None = None,
        *,
        api_key: Key | None = None,
        base_url: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stop: Sequence[str] | str | None = None,
        seed: int | None = None,
        top_p: float | None = None,
        reasoning_effort: str | None = None,
        timeout: float | Timeouts | None = None,
        default_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        stream_usage: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(
            model=model,
            temperature=temperature,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            top_p=top_p,
            name=name,
        )
        self.reasoning_effort = reasoning_effort
        self.extra_body = extra_body
        self.stream_usage = stream_usage
        self._connect(api_key, base_url, timeout, default_headers)

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/chat/completions"

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> Exchange:
        own = self._url() == self.service.url
        return Completion(
            messages,
            options,
            provider=self.service.name,
            limit="max_completion_tokens" if own else "max_tokens",
            usage=self.stream_usage,
        )
