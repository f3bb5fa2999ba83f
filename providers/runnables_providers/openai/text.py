"""Models of text of OpenAI, and of every server that has its text completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from runnables_providers._remote.origins import endpoint_of
from runnables_providers._remote.other_names import OPENAI_NAMES, takes_other_names
from runnables_providers._remote.text import REMOTE_TEXT_OPTIONS, HTTPTextModel
from runnables_providers.openai.service import OpenAIRemote
from runnables_providers.openai.text_completions import OPTIONS, TextCompletion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.messages import BaseMessage
    from runnables_providers._remote.chat import ApiCall
    from runnables_providers.openai.settings import OpenAITextSettings

_PATH = "/completions"


@takes_other_names(OPENAI_NAMES)
class OpenAI(OpenAIRemote, HTTPTextModel, internal=True):
    """A model of text of OpenAI, or of any server that has its text completions.

    It continues a prompt, and returns a string. With `base_url` it is a model of llama.cpp, vLLM
    and others. For a model that answers messages, see `ChatOpenAI`: messages are passed to this one
    as one string.

    An answer is a string that has `usage_metadata` and `response_metadata`, too.

    Settings are defaults: a call can override each of the options among them. Also known are the
    options `best_of`, `echo`, `frequency_penalty`, `logit_bias`, `logprobs`, `n`,
    `presence_penalty`, `suffix` and `user`.

    Args:
        model: the name of the model. With OpenAI's own URL it may be left out, and is then
            "gpt-3.5-turbo-instruct", as LangChain has it.
        organization: on whose account; by default OPENAI_ORG_ID of the environment.
        project: for which project; by default OPENAI_PROJECT_ID of the environment.
        stream_usage: whether to ask for the usage of streams; False for servers that refuse it.
        **settings: the settings below.

    Keyword Args:
        api_key (str | SecretStr | Callable[[], str]): the key, or a function that returns the one
            to use now, called in the thread or loop of each call; by default OPENAI_API_KEY of the
            environment, read at each call.
        base_url (str): another URL than OpenAI's; by default OPENAI_BASE_URL or OPENAI_API_BASE of
            the environment.
        temperature (float): how freely the model chooses, from 0 (the likeliest token) up; 0.7 by
            default, as LangChain has it.
        max_tokens (int): the most tokens that an answer may have; 256 by default, as LangChain has
            it. None: as many as the service lets it have, which for OpenAI is 16.
        stop (str | Sequence[str]): strings before which an answer ends.
        seed (int): makes answers repeatable, where the service can.
        top_p (float): choose among the likeliest tokens of this total probability.
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
        >>> from runnables_providers.openai import OpenAI
        >>> model = OpenAI(api_key="sk-...", temperature=0)
        >>> model.model, model.max_tokens
        ('gpt-3.5-turbo-instruct', 256)
    """

    default_model: ClassVar[str | None] = "gpt-3.5-turbo-instruct"
    """The model where none is named, and no other server."""
    known_options: ClassVar[frozenset[str]] = REMOTE_TEXT_OPTIONS | OPTIONS

    def __init__(
        self,
        model: str | None = None,
        *,
        organization: str | None = None,
        project: str | None = None,
        stream_usage: bool = True,
        **settings: Unpack[OpenAITextSettings],
    ) -> None:
        self.organization = organization
        self.project = project
        self.stream_usage = stream_usage
        settings.setdefault("temperature", 0.7)
        settings.setdefault("max_tokens", 256)
        if model is None and settings.get("base_url") is None:
            model = self.default_model
        super().__init__(model, **settings)

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return _PATH

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        return TextCompletion(
            messages,
            options,
            provider=self.service.name,
            limit="max_tokens",
            usage=self.stream_usage,
            endpoint=endpoint_of(self._url(), _PATH),
            official=self._is_official_url(),
        )
