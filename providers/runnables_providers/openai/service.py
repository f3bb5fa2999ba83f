"""OpenAI's service: its URL, its key, and the account that a request is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from runnables_providers._remote.service import Remote, Service, variable

if TYPE_CHECKING:
    from collections.abc import Mapping

OPENAI: Final = Service(
    name="openai",
    display_name="OpenAI",
    url="https://api.openai.com/v1",
    url_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    key_variables=("OPENAI_API_KEY",),
)


class OpenAIRemote(Remote):
    """A model of OpenAI that answers, for an organization and a project."""

    service: ClassVar[Service] = OPENAI
    organization: str | None
    project: str | None

    def _auth(self, key: str) -> Mapping[str, str]:
        headers = dict(super()._auth(key))
        if self._is_official_url():  # other servers need not know the account
            account = {
                "openai-organization": self.organization or variable("OPENAI_ORG_ID"),
                "openai-project": self.project or variable("OPENAI_PROJECT_ID"),
            }
            headers.update({header: value for header, value in account.items() if value})
        return headers
