"""Secrets, and how they are kept out of what prints: reprs, errors, events and traces.

A secret is known by its value, where a user passed it as a key, or by the name beside it: the key
of a dict, the name of a header, of an environment variable, of a part of a URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, Final, cast

HIDDEN: Final = "**********"

MIN_SECRET_LENGTH: Final = 8
"""The smallest number of characters of a secret that is known by its value. Shorter words, like
"Bearer", or a "none" for a local server, are no secrets, and occur in ordinary text."""

_MAX_DEPTH: Final = 50

_NAME: Final = (
    r"pass|(?:.*_)?(?:api_?keys?|(?:access|secret|private|signing|encryption|subscription|account|shared"
    r"|auth|session|master|service|client|admin|function|app|license)_?keys?|secrets?|tokens?|passwords?"
    r"|passwd|pwd|(?:db|smtp|mail|user|proxy|redis|pg)_pass|passphrases?|authori[sz]ation"
    r"|auth(?:entication)?|credentials?|cookies?|bearer|jwt"
    r"|connection_?string)"
)
_NO_SECRET: Final = (
    r"(?:.*_)?(?:bos|eos|pad|unk|sep|cls|mask|stop|start|end|page|next|continuation|special|max|min"
    r"|num|input|output|total|prompt|completion|reasoning|cached|think\w*)_tokens?|tokens"
)
_URL_NAMES: Final = frozenset({"key", "sig", "signature", "code", "x_amz_signature"})
_OF_SECRETS: Final = re.compile(
    r"(?i:(?:.*[_-])?(?:headers|env(?:_?vars?)?|environ(?:ment)?(?:_?variables)?))"
    r"|.*[a-z](?:Headers|Env(?:Vars?)?|Environment)"
)
"""Names of dicts whose values may all be secrets."""


class SecretDict(dict[str, Any]):
    """A dict whose repr hides the secrets in it."""

    def __repr__(self) -> str:
        return hide_in_text(repr(hide(dict(self))), secrets_in(self))


class SecretHeaders(dict[str, str]):
    """Headers whose repr hides the values, since one may be a key."""

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, HIDDEN))


class RecentSecrets:
    """Secrets that this process has used recently.

    An error is redacted with these, not by calling the function for a key again: it may return
    another key by then, and it may block or fail.
    """

    max_keys: Final = 1000

    def __init__(self) -> None:
        # Two dicts, so that threads need no lock: the older one is dropped at once.
        self._newer: dict[str, None] = {}
        self._older: dict[str, None] = {}

    def add(self, secret: str) -> None:
        """Add a secret."""
        if secret not in self._newer:
            if len(self._newer) >= self.max_keys:
                self._older, self._newer = self._newer, {}
            self._newer[secret] = None

    def keys(self) -> list[str]:
        """Return all secrets."""
        return [*self._newer.copy(), *self._older.copy()]


RECENT_SECRETS: Final = RecentSecrets()


# -- by value


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace these secrets in a string, and all that this process has used recently."""
    for secret in sorted({*secrets, *RECENT_SECRETS.keys()}, key=len, reverse=True):
        if len(secret) >= MIN_SECRET_LENGTH and secret in text:
            text = text.replace(secret, HIDDEN)
    return text


def remember_secrets(value: Any) -> None:
    """Note the secrets in a value, so that they are hidden wherever they turn up again."""
    for secret in secrets_in(value):
        RECENT_SECRETS.add(secret)


def secrets_in(value: Any) -> list[str]:
    """Return the secrets in a value, by the names beside them, that are long enough to be known."""
    found: list[str] = []

    def take(secret: str) -> str:
        found.extend((secret, *secret.split()))
        return HIDDEN

    _hidden(value, "", take)
    return [word for word in found if len(word) >= MIN_SECRET_LENGTH]


# -- by name


@lru_cache(1024)
def is_secret_name(name: str) -> bool:
    """Tell whether a value of this name is a secret, such as "apiKey" or "X-Auth-Token"."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    words = re.sub(r"[^a-z0-9]+", "_", words).strip("_")
    return bool(re.fullmatch(_NAME, words)) and not re.fullmatch(_NO_SECRET, words)


def hide(value: Any, name: str = "") -> Any:
    """Return a value as it may be shown: a copy without its secrets, or itself if it has none.

    Args:
        value: any value; dicts, lists and tuples are looked through.
        name: the name that the value has, such as the key of a dict.
    """
    return _hidden(value, name, _hide_all)


def _hide_all(_: str) -> str:
    return HIDDEN


def _hidden(value: Any, name: str, replace: Callable[[str], str], depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        return "..."
    if isinstance(value, str):
        return replace(value) if value and is_secret_name(name) else _without_parts(value, replace)
    if isinstance(value, bytes):
        return replace(value.decode("latin-1")) if value and is_secret_name(name) else value
    if hasattr(value, "get_secret_value"):  # pydantic's hide themselves
        secret = value.get_secret_value()
        replace(secret if isinstance(secret, str) else str(secret))
        return value
    if isinstance(value, (SecretHeaders, Mapping)):
        return _hidden_mapping(cast("Mapping[Any, Any]", value), name, replace, depth)
    if type(value) in (list, tuple):
        return _hidden_items(value, name, replace, depth)
    return value


def _hidden_mapping(
    value: Mapping[Any, Any], name: str, replace: Callable[[str], str], depth: int
) -> Any:
    of_secrets = bool(_OF_SECRETS.fullmatch(name)) or isinstance(value, SecretHeaders)
    is_schema = name == "properties" or "properties" in value
    shown: dict[Any, Any] = {}
    for key, inner in value.items():
        own_name = str(key)
        if is_schema and isinstance(inner, Mapping):
            own_name = "" if name == "properties" else own_name  # a field, not its value
        elif of_secrets and (replace is _hide_all or _looks_secret(own_name, inner)):
            own_name = "secret"
        elif is_secret_name(name) and not is_secret_name(own_name):
            if not isinstance(inner, str) or replace is _hide_all or _looks_secret(own_name, inner):
                own_name = name
        shown[key] = _hidden(inner, own_name, replace, depth + 1)
    if all(shown[key] is value[key] for key in shown):
        return value
    return shown


_HARMLESS: Final = re.compile(
    r"(?:.*-)?(?:version|beta|type|agent|accept|encoding|length|host|project|organization|id)",
    re.IGNORECASE,
)
_LIKE_A_SECRET: Final = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])\S{12,}")


def _looks_secret(name: str, value: object) -> bool:
    """Tell whether a header of any name is remembered: other values are words of ordinary text."""
    is_like_one = isinstance(value, str) and bool(_LIKE_A_SECRET.fullmatch(value))
    return is_like_one and not _HARMLESS.fullmatch(name)


def _hidden_items(value: Any, name: str, replace: Callable[[str], str], depth: int) -> Any:
    shown: list[Any] = []
    before: Any = None
    for item in value:
        own_name = name
        # the arguments of a command: ["--api-key", "..."]
        if isinstance(before, str) and before.startswith("-") and is_secret_name(before):
            own_name = before
        elif isinstance(before, str) and len(value) == 2 and _OF_SECRETS.fullmatch(name):
            # a header as a pair: ["X-Token", "..."]
            own_name = "secret" if replace is _hide_all or _looks_secret(before, item) else name
        shown.append(_hidden(item, own_name, replace, depth + 1))
        before = item
    if all(new is old for new, old in zip(shown, value, strict=True)):
        return value
    return type(value)(shown)


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(r"(?<![\w.+-])([a-zA-Z][\w.+-]*://)([^/\s@'\"?#]+)(@)"),
        re.compile(r"([?&;])([\w.-]+)=([^&;\s#'\"]+)"),
        re.compile(
            r"\b(bearer|basic)(\s+)((?=\S*\d)[\w.~+/=-]{8,}|[\w.~+/=-]{20,})", re.IGNORECASE
        ),
        re.compile(r"(?<![\w-])(--?)([\w-]+)=(\S+)"),
    )


def _without_parts(text: str, replace: Callable[[str], str]) -> str:
    """Return a string without the secrets in it: in URLs, after "Bearer", in options."""
    user, query, scheme, option = _patterns()
    if "://" in text and "@" in text:
        text = user.sub(lambda found: found[1] + _replaced_user(found[2], replace) + "@", text)
    if "=" in text:
        text = query.sub(lambda found: _replaced(found, replace, _URL_NAMES), text)
        if text.startswith("-"):
            text = option.sub(lambda found: _replaced(found, replace), text)
    if len(text) > MIN_SECRET_LENGTH and " " in text:
        text = scheme.sub(lambda found: found[1] + found[2] + replace(found[3]), text)
    return text


def _replaced_user(user: str, replace: Callable[[str], str]) -> str:
    """Replace the name and the password in a URL: a token may stand for either."""
    for part in user.split(":"):
        replace(part)
    return HIDDEN


def _replaced(
    found: re.Match[str], replace: Callable[[str], str], names: Iterable[str] = ()
) -> str:
    """Replace the value of a name if it is that of a secret."""
    mark, name, value = found.groups()
    if is_secret_name(name) or name.lower().replace("-", "_") in names:
        value = replace(value)
    return f"{mark}{name}={value}"


# -- in text


@cache
def _pairs() -> tuple[re.Pattern[str], ...]:
    quoted = r"""(\\*['"])(?P<name>[A-Za-z][\w.-]*)\1(\s*:\s*)(\\*['"])(?P<value>.*?)(?<!\\)\4"""
    keyword = r"""(?<![\w.'"-])(?P<name>[A-Za-z][\w.]*)(=)(['"])(?P<value>.*?)(?<!\\)\3"""
    header = (
        r"""(?<![\w.'"-])(?P<name>[A-Za-z][\w-]*)(:\s*)"""
        r"""(?P<value>(?=\S*\d)[^\s'",;]{8,}|[^\s'",;]{16,})"""
    )
    return re.compile(quoted), re.compile(keyword), re.compile(header)


def hide_in_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a string, such as the message of an error, without the secrets in it.

    They are the known ones, and those that have their name before them, as in a repr of a dict, in
    JSON, or in the lines of a header.
    """
    text = _without_parts(redact(text, secrets), _hide_all)
    quoted, keyword, header = _pairs()
    if ":" in text or "=" in text:
        for pattern in (quoted, keyword):
            text = pattern.sub(_replaced_pair, text)
        text = header.sub(_replaced_header, text)
    return text


def _replaced_pair(found: re.Match[str]) -> str:
    start, end = (place - found.start() for place in found.span("value"))
    shown = HIDDEN
    if not is_secret_name(found["name"]):
        shown = found.re.sub(_replaced_pair, found["value"])
    return found[0][:start] + shown + found[0][end:]


_HEADER: Final = re.compile(
    r"(?:.*-)?(?:authorization|cookie|api-?key|access-?token|auth-?token)", re.IGNORECASE
)


def _replaced_header(found: re.Match[str]) -> str:
    if not _HEADER.fullmatch(found["name"]) or found["value"].lower() in ("bearer", "basic"):
        return found[0]
    return f"{found['name']}{found[2]}{HIDDEN}"
