"""How a server is reached: the command that starts it, or its URL, with what is secret in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast

from pydantic import SecretStr

from runnables.errors import ConfigError, did_you_mean
from runnables.redaction import SecretHeaders, hide, hide_in_text, secrets_in

McpProtocol: TypeAlias = Literal["auto", "legacy"]
"""Which revision of MCP is spoken: the newest that the server has, or the one before 2026."""

_OF_COMMANDS: Final = ("command", "args", "env", "cwd")
_OF_URLS: Final = ("url", "headers")
_TRANSPORTS: Final = ("stdio", "http", "streamable-http", "streamable_http")


@dataclass(frozen=True)
class ServerSettings:
    """How one server is reached; its repr hides the secrets.

    Attributes:
        name: what it is called in errors, and before the names of its tools.
        url: its URL, without a command.
        headers: HTTP headers of each request.
        command: the command that starts it, with its arguments.
        env: variables for its environment.
        cwd: the folder that it starts in.
    """

    name: str
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: SecretHeaders())
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: SecretHeaders())
    cwd: str | None = None

    def __repr__(self) -> str:
        return f"ServerSettings({self.name!r})"

    def without_secrets(self, text: str) -> str:
        """Return a string without the secrets of this server."""
        shown = {"url": self.url, "args": self.command}
        named = secrets_in({**shown, "headers": self.headers, "env": self.env})
        return hide_in_text(text, named)


def read_servers(
    servers: object,
    *,
    headers: Mapping[str, str | SecretStr] | None = None,
    env: Mapping[str, str | SecretStr] | None = None,
) -> list[ServerSettings]:
    """Return the settings of servers as users write them.

    Args:
        servers: a URL, a command, or a dict of several by their names, each of which may also be
            a dict as in the `mcpServers` of other programs.
        headers: the HTTP headers of one server.
        env: variables for the environment of one server.

    Raises:
        ConfigError: something else, or a setting that does not fit.
    """
    if not isinstance(servers, Mapping):
        alone: dict[str, Any] = {"url": servers} if isinstance(servers, str) else {"all": servers}
        given = {key: value for key, value in (("headers", headers), ("env", env)) if value}
        return [_read(None, {**alone, **given})]
    if headers or env:
        raise ConfigError("headers= and env= are for one server; write them beside each of several")
    named = cast("Mapping[str, Any]", servers)
    if set(named) == {"mcpServers"} and isinstance(named["mcpServers"], Mapping):
        named = cast("Mapping[str, Any]", named["mcpServers"])
    if not named:
        raise ConfigError("There is no MCP server to take tools of.")
    return [_read(str(name), _as_settings(name, value)) for name, value in named.items()]


def _as_settings(name: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return _checked(name, cast("Mapping[str, Any]", value))
    return {"url": value} if isinstance(value, str) else {"all": value}


def _checked(name: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of a dict without the name of the transport, which the others show."""
    transport = settings.get("type", settings.get("transport", "stdio"))
    if transport not in _TRANSPORTS:
        raise ConfigError(
            f"The MCP server {name!r} has the transport {transport!r}: expected one of "
            f"{', '.join(_TRANSPORTS)}"
        )
    rest = {key: value for key, value in settings.items() if key not in ("type", "transport")}
    if ("url" in rest) == ("command" in rest):
        raise ConfigError(f"The MCP server {name!r} needs a 'url' or a 'command', and not both.")
    known = _OF_URLS if "url" in rest else _OF_COMMANDS
    for key in rest:
        if key not in known:
            raise ConfigError(
                f"The MCP server {name!r} has the unknown setting {key!r}."
                f"{did_you_mean(key, known)} Known: {', '.join(known)}."
            )
    return rest


def _read(name: str | None, settings: Mapping[str, Any]) -> ServerSettings:
    if "url" in settings:
        return _at_url(name, settings)
    command = settings.get("all") or [settings.get("command"), *(settings.get("args") or ())]
    words: Any = command
    if not isinstance(command, Sequence) or not all(isinstance(word, str) for word in words):
        raise ConfigError(
            f"{command!r} is no MCP server: expected a URL, or a command as a list of strings: "
            '["npx", "-y", "some-server"]'
        )
    if settings.get("headers"):
        raise ConfigError("headers= are for servers with a URL, and this one is a command")
    cwd = settings.get("cwd")
    return ServerSettings(
        name or hide_in_text(" ".join(hide(list(words)))),
        command=tuple(words),
        env=_secrets(settings.get("env"), "env"),
        cwd=None if cwd is None else str(cwd),
    )


def _at_url(name: str | None, settings: Mapping[str, Any]) -> ServerSettings:
    url: Any = settings["url"]
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        shown = hide(url)
        raise ConfigError(
            f"{shown!r} is no MCP server: expected a URL with http:// or https://, or a command "
            'as a list of strings: ["npx", "-y", "some-server"]'
        )
    if settings.get("env"):
        raise ConfigError("env= is for servers that a command starts, and this one has a URL")
    headers = _secrets(settings.get("headers"), "headers")
    return ServerSettings(name or cast("str", hide(url)), url=url, headers=headers)


def _secrets(values: Any, option: str) -> SecretHeaders:
    found = SecretHeaders()
    for key, value in cast("Mapping[str, Any]", values or {}).items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str):
            raise ConfigError(f"{option}[{key!r}]: expected a string")
        found[key] = text
    return found
