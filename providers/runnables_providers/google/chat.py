"""Chat models of Google: Gemini, over the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers.google.generation import Generation
from runnables_providers.google.generation_config import OPTIONS, typed_tool
from runnables_providers.google.service import API_VERSION, GoogleRemote, resource

if TYPE_CHECKING:
    from runnables.messages import BaseMessage


class ChatGoogleGenerativeAI(GoogleRemote, HTTPChatModel, internal=True):
    """A chat model of Google, over the Gemini API.

    What the service withholds (a prompt that it blocks, an answer that it breaks off for safety)
    is a message with a refusal: `AIMessage.refusal` says why. `max_tokens` counts thoughts, too.

    Beside the options of every model, calls and settings may say: `top_k`; `thinking_budget` (in
    tokens; 0: none, -1: as many as the model finds useful) or, since Gemini 3, `thinking_level`
    ("minimal", "low", "medium", "high"); `include_thoughts`, for summaries of the thoughts as
    reasoning blocks; `safety_settings` (thresholds by category, or Google's own list);
    `cached_content` (the name of a cached beginning of the prompt); `response_modalities` ("TEXT",
    "IMAGE", "AUDIO"); and what else Google calls a generation config, in snake case.

    Args:
        model: its name, as "gemini-3-flash-preview".
        api_version: the version of the API, as it stands in its addresses.
        **settings: those of `HTTPChatModel`, and defaults of options.

    Raises:
        AuthenticationError: no key is given or in GOOGLE_API_KEY or GEMINI_API_KEY.
        ConfigError: no model, an option that it does not know, an address that is none.
    """

    known_options: ClassVar[frozenset[str]] = REMOTE_OPTIONS | OPTIONS

    def __init__(
        self, model: str | None = None, *, api_version: str = API_VERSION, **settings: Any
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

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        return Generation(messages, options)
