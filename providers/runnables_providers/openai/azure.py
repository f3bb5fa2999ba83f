"""OpenAI's models on Azure: other URLs and keys, the same requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Unpack, cast
from urllib.parse import quote

from runnables.errors import AuthenticationError, ConfigError
from runnables.models.request_policies import RequestPolicy
from runnables_providers._remote.keys import hidden, key_of
from runnables_providers._remote.other_names import AZURE_NAMES, takes_other_names
from runnables_providers._remote.service import Service, variable
from runnables_providers.openai.chat import ChatOpenAI

if TYPE_CHECKING:
    from pydantic import SecretStr

    from runnables.models.batch_service import BatchService
    from runnables_providers.openai.settings import AzureSettings, OpenAISettings

AZURE: Final = Service(
    name="azure_openai",
    display_name="Azure OpenAI",
    url="",  # each customer has a URL of their own
    key_variables=("AZURE_OPENAI_API_KEY",),
    id_headers=("x-request-id", "apim-request-id"),
    extra="openai",
)


_NOT_IN_CACHE_KEY: Final = frozenset({"azure_ad_token", "azure_ad_token_provider"})
"""Settings that do not change the answer, so they are no part of the cache key."""


@takes_other_names(AZURE_NAMES)
class AzureChatOpenAI(ChatOpenAI, internal=True):
    """A chat model of OpenAI on Azure.

    The URLs are those of https://learn.microsoft.com/azure/ai-foundry/openai/: with an
    `api_version`, a deployment has a URL of its own; without, the deployment is sent as the model
    to `/openai/v1`. `ChatOpenAI` lists more settings and options, which are the same here.

    Args:
        model: the name of the deployment, unless `azure_deployment` is set.
        azure_endpoint: "https://<resource>.openai.azure.com"; by default AZURE_OPENAI_ENDPOINT of
            the environment.
        azure_deployment: the name of the deployment, where it differs from `model`.
        api_version: the version of the API, such as "2024-10-21"; by default OPENAI_API_VERSION
            of the environment.
        azure_ad_token: a token of Entra, in place of a key; by default AZURE_OPENAI_AD_TOKEN of
            the environment, where it has no key.
        azure_ad_token_provider: a function that returns the token to use now. It is called at
            each call, in the thread or loop of the call, and should cache a token while it lasts.
        **settings: the settings below.

    Keyword Args:
        api_key (str | SecretStr | Callable[[], str]): the key, or a function that returns the one
            to use now; by default AZURE_OPENAI_API_KEY of the environment, read at each call.
        base_url (str): a URL that takes the place of endpoint, deployment and version.
        temperature (float): how freely the model chooses, from 0 (the likeliest token) up.
        max_tokens (int): the most tokens that an answer may have.
        stop (str | Sequence[str]): strings before which an answer ends.
        seed (int): makes answers repeatable, where the service can.
        top_p (float): choose among the likeliest tokens of this total probability.
        reasoning_effort (str): how much a reasoning model reasons: "none", "minimal", "low",
            "medium" or "high".
        stream_usage (bool): whether to ask for the usage of streams; True by default.
        use_responses_api (bool): use Responses instead of chat completions; False by default.
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
        AuthenticationError: there is neither a key nor a token.
        ConfigError: there is no endpoint, or no deployment.

    Example:
        >>> from runnables_providers.openai import AzureChatOpenAI
        >>> endpoint = "https://example.openai.azure.com"
        >>> AzureChatOpenAI("gpt-5-mini", azure_endpoint=endpoint, api_key="...")
        AzureChatOpenAI(azure_endpoint='https://example.openai.azure.com', ...)
    """

    default_model: ClassVar[str | None] = None
    service: ClassVar[Service] = AZURE

    def __init__(
        self,
        model: str | None = None,
        *,
        azure_endpoint: str | None = None,
        azure_deployment: str | None = None,
        api_version: str | None = None,
        azure_ad_token: str | SecretStr | None = None,
        azure_ad_token_provider: Callable[[], str] | None = None,
        **settings: Unpack[AzureSettings],
    ) -> None:
        self.azure_endpoint = azure_endpoint
        self.azure_deployment = azure_deployment
        self.api_version = api_version
        self.azure_ad_token = hidden(azure_ad_token)
        self.azure_ad_token_provider = azure_ad_token_provider
        super().__init__(model, **cast("OpenAISettings", settings))
        if not (model or azure_deployment):
            raise ConfigError(
                "AzureChatOpenAI: name the deployment, as model= or azure_deployment="
            )

    def _url(self) -> str:
        if self.base_url:
            return self.base_url.rstrip("/")
        endpoint = self.azure_endpoint or variable("AZURE_OPENAI_ENDPOINT")
        if not endpoint:
            raise ConfigError(
                "AzureChatOpenAI has no endpoint. Set the environment variable "
                "AZURE_OPENAI_ENDPOINT, or set azure_endpoint='https://<resource>.openai.azure.com'."
            )
        return endpoint.rstrip("/") + ("/openai" if self._version() else "/openai/v1")

    def _identity(self) -> dict[str, Any]:
        settings = {**super()._identity(), "api_version": self._version()}
        return {name: value for name, value in settings.items() if name not in _NOT_IN_CACHE_KEY}

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        path = super()._path(options, streamed=streamed)
        version = self._version()
        if not version or self.base_url:
            return path
        if not self.use_responses_api:
            deployment = str(self.azure_deployment or options.get("model"))
            if not deployment.strip("."):
                raise ConfigError(f"AzureChatOpenAI: {deployment!r} cannot be a deployment")
            path = f"/deployments/{quote(deployment, safe='')}{path}"
        return f"{path}?api-version={quote(version, safe='')}"

    def _batch_service(self) -> BatchService:
        return RequestPolicy._batch_service(self)  # its files and jobs have other URLs

    def _flex_options(self) -> dict[str, Any]:
        return RequestPolicy._flex_options(self)  # Azure does not sell it

    def _version(self) -> str | None:
        return self.api_version or variable("OPENAI_API_VERSION")

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        options = super()._options(given)
        if self.azure_deployment and "model" not in given:
            options["model"] = self.azure_deployment
        return options

    def _is_official_url(self) -> bool:
        return not self.base_url

    def _secret(self) -> str | None:
        if key := self._token() if self._has_token() else self._configured_key():
            return key
        raise AuthenticationError(
            "AzureChatOpenAI has no key. Set the environment variable AZURE_OPENAI_API_KEY, or "
            "give api_key=..., azure_ad_token=... or azure_ad_token_provider=...",
            provider=self.service.name,
        )

    def _has_token(self) -> bool:
        """Tell whether a token is used, not a key; arguments override the environment."""
        if self.azure_ad_token_provider or self.azure_ad_token:
            return True
        return not (self.api_key or variable(*self.service.key_variables))

    def _token(self) -> str | None:
        if self.azure_ad_token_provider is not None:
            return key_of(self.azure_ad_token_provider)
        return key_of(self.azure_ad_token or variable("AZURE_OPENAI_AD_TOKEN"))

    def _auth(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"} if self._has_token() else {"api-key": key}
