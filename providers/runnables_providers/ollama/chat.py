"""Chat models of an Ollama server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.errors import ConfigError
from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers.ollama.exchange import OPTIONS, OllamaChat
from runnables_providers.ollama.service import OllamaRemote, checked_model

if TYPE_CHECKING:
    from runnables.messages import BaseMessage


class ChatOllama(OllamaRemote, HTTPChatModel, internal=True):
    """A chat model of an Ollama server, over its own API.

    Beside the options of every model, calls and settings may say, in Ollama's words: `num_ctx`,
    how many tokens a conversation and its answer may have together; `think` (True, False, "low",
    "medium", "high"), whose thoughts are reasoning blocks; `keep_alive`, how long the model stays
    loaded; `top_k`, `min_p`, `repeat_penalty` and the rest of its options. `max_tokens` is what
    Ollama calls `num_predict`. No tool can be forced: a `tool_choice` that asks for it is an
    error.

    Args:
        model: a model that the server has, as "llama3.2".
        base_url: where the server is: an address, or a host and a port; None: OLLAMA_HOST, or
            port 11434 of this machine.
        **settings: those of `HTTPChatModel`, and defaults of options. A key, given or in
            OLLAMA_API_KEY, is for ollama.com.

    Raises:
        ConfigError: no model, an option that it does not know, an address that is none.
    """

    known_options: ClassVar[frozenset[str]] = REMOTE_OPTIONS | OPTIONS
    lines: ClassVar[bool] = True

    def __init__(
        self, model: str | None = None, *, base_url: str | None = None, **settings: Any
    ) -> None:
        super().__init__(model, base_url=base_url, **settings)
        checked_model(model)

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        options = super()._options(given)
        choice = options.get("tool_choice", "auto")
        if choice not in ("auto", "none"):
            raise ConfigError(
                f"Ollama cannot force a call: tool_choice={choice!r}. Leave it out, or say "
                "'auto' or 'none'. For an answer of a form use with_structured_output."
            )
        return options

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/api/chat"

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        return OllamaChat(messages, options)
