"""OpenAI's models on Azure: other addresses, other keys, the same words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from runnables.errors import AuthenticationError, ConfigError
from runnables_providers._remote.keys import hidden, key_of
from runnables_providers._remote.service import Service, variable
from runnables_providers.openai.chat import ChatOpenAI

if TYPE_CHECKING:
    from pydantic import SecretStr

AZURE: Final = Service(
    name="azure_openai",
    display_name="Azure OpenAI",
    url="",  # each customer has an address of their own
    key_variables=("AZURE_OPENAI_API_KEY",),
    id_headers=("x-request-id", "apim-request-id"),
    extra="openai",
)


_TOKENS: Final = frozenset({"azure_ad_token", "azure_ad_token_provider"})
"""Who asks, which decides nothing of the answer."""


class AzureChatOpenAI(ChatOpenAI, internal=True):
    """A chat model of OpenAI on Azure.

    The form of the addresses is that of https://learn.microsoft.com/azure/ai-foundry/openai/:
    with an `api_version`, a deployment has an address of its own; without, the deployment goes
    as the model to `/openai/v1`.

    Args:
        model: the name of the deployment, unless `azure_deployment` is given.
        azure_endpoint: "https://<resource>.openai.azure.com"; by default AZURE_OPENAI_ENDPOINT of
            the environment.
        azure_deployment: the name of the deployment, where it is another than `model`.
        api_version: for instance "2024-10-21"; by default OPENAI_API_VERSION.
        azure_ad_token: a token of Entra, in place of a key.
        azure_ad_token_provider: gives the token to use now; it is asked at each call, in the
            thread or loop of the call, and should keep a token while it lasts.
        **settings: those of `ChatOpenAI`.

    Raises:
        AuthenticationError: neither key nor token, here or in AZURE_OPENAI_API_KEY or
            AZURE_OPENAI_AD_TOKEN.
        ConfigError: no endpoint, or no deployment.
    """

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
        **settings: Any,
    ) -> None:
        self.azure_endpoint = azure_endpoint
        self.azure_deployment = azure_deployment
        self.api_version = api_version
        self.azure_ad_token = hidden(azure_ad_token)
        self.azure_ad_token_provider = azure_ad_token_provider
        super().__init__(model, **settings)
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
                "AZURE_OPENAI_ENDPOINT, or give azure_endpoint='https://<resource>.openai.azure.com'."
            )
        return endpoint.rstrip("/") + ("/openai" if self._version() else "/openai/v1")

    def _identity(self) -> dict[str, Any]:
        settings = {**super()._identity(), "api_version": self._version()}
        return {name: it for name, it in settings.items() if name not in _TOKENS}

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

    def _version(self) -> str | None:
        return self.api_version or variable("OPENAI_API_VERSION")

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        options = super()._options(given)
        if self.azure_deployment and "model" not in given:
            options["model"] = self.azure_deployment
        return options

    def _is_own(self) -> bool:
        return not self.base_url

    def _secret(self) -> str | None:
        if key := self._token() if self._has_token() else self._given():
            return key
        raise AuthenticationError(
            "AzureChatOpenAI has no key. Set the environment variable AZURE_OPENAI_API_KEY, or "
            "give api_key=..., azure_ad_token=... or azure_ad_token_provider=...",
            provider=self.service.name,
        )

    def _has_token(self) -> bool:
        """Whether a token is used, not a key; what is given counts before the environment."""
        if self.azure_ad_token_provider or self.azure_ad_token:
            return True
        return not (self.api_key or variable(*self.service.key_variables))

    def _token(self) -> str | None:
        if self.azure_ad_token_provider is not None:
            return key_of(self.azure_ad_token_provider)
        return key_of(self.azure_ad_token or variable("AZURE_OPENAI_AD_TOKEN"))

    def _auth(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"} if self._has_token() else {"api-key": key}
