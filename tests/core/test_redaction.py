"""What is taken for a secret: by its name, by its value, by its form; and what is not."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from runnables.redaction import (
    HIDDEN,
    RecentSecrets,
    SecretDict,
    SecretHeaders,
    hide,
    hide_in_text,
    is_secret_name,
    redact,
    secrets_in,
)

SECRET = "hush-1-Zq7x"
TOKENS = st.text("abcXYZ019-_.", min_size=8, max_size=20).map("Zq".__add__)


@pytest.mark.parametrize(
    "name",
    "api_key apiKey API_KEY api-key x-api-key X-Goog-Api-Key Ocp-Apim-Subscription-Key password "
    "db_password client_secret clientSecret token access_token authToken GITHUB_TOKEN "
    "Authorization Proxy-Authorization cookie Set-Cookie credentials private_key secretAccessKey "
    "aws_session_token authorization_token connection_string jwt bearer passphrase "
    "sessionKey --api-key pass db_pass smtpPass authentication".split(),
)
def test_names_of_secrets(name: str) -> None:
    """In the spellings of headers, of Python, of JSON, of environments and of commands."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    "max_tokens maxTokens input_tokens tokens stop_token eos_token next_page_token thinking_tokens "
    "author key keys keyboard monkey secretary tokenizer passwordless model user public_key "
    "cache_key token_count authorized bypass first_pass passed authenticated".split(),
)
def test_names_of_other_things(name: str) -> None:
    """Counts, special tokens, and words that only begin or end alike."""
    assert not is_secret_name(name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab: ", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_a_value_without_secrets_is_itself(value: Any) -> None:
    """It is not copied, and its repr is its own."""
    assert hide(value) is value
    assert secrets_in(value) == []
    assert hide_in_text(repr(value)) == repr(value)


@given(JSON, TOKENS, st.sampled_from(["apiKey", "password", "Authorization"]), st.data())
def test_a_secret_is_hidden_at_any_depth(
    value: Any, secret: str, name: str, data: st.DataObject
) -> None:
    """In dicts and lists, in their repr and as JSON; the value itself is not changed."""
    for step in data.draw(st.lists(st.sampled_from("ld"), max_size=4)):
        value = [value, {name: secret}] if step == "l" else {"in": value, name: secret}
    value = {"outer": value, name: secret}
    before = deepcopy(value)
    shown = hide(value)
    assert value == before
    assert shown[name] == HIDDEN
    assert secret not in json.dumps(shown)
    assert secret in secrets_in(value)
    assert f"'{secret}'" not in hide_in_text(repr(value))
    assert f'"{secret}"' not in hide_in_text(json.dumps(value))
    assert f'"{secret}' not in hide_in_text(json.dumps({"body": json.dumps(value)}))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"https://me:{SECRET}@h/x", f"https://{HIDDEN}@h/x"),
        (f"postgres://me:{SECRET}@h:5/db?sslmode=on", f"postgres://{HIDDEN}@h:5/db?sslmode=on"),
        (f"https://h/x?a=1&key={SECRET}&b=2", f"https://h/x?a=1&key={HIDDEN}&b=2"),
        (f"https://h/x?X-Amz-Signature={SECRET}", f"https://h/x?X-Amz-Signature={HIDDEN}"),
        (f"Authorization: Bearer {SECRET}", f"Authorization: Bearer {HIDDEN}"),
        (f"bearer {SECRET}", f"bearer {HIDDEN}"),
        (f"--api-key={SECRET}", f"--api-key={HIDDEN}"),
        ({"headers": {"X-Any": SECRET}}, {"headers": {"X-Any": HIDDEN}}),
        ({"env": {"ANY": SECRET}}, {"env": {"ANY": HIDDEN}}),
        (["run", "--token", SECRET, "-v"], ["run", "--token", HIDDEN, "-v"]),
        ({"auth": ("me", SECRET)}, {"auth": (HIDDEN, HIDDEN)}),
        ({"api_keys": [SECRET]}, {"api_keys": [HIDDEN]}),
        ({"credentials": {"kind": {"x": SECRET}}}, {"credentials": {"kind": {"x": HIDDEN}}}),
        ({"token": SECRET.encode()}, {"token": HIDDEN}),
    ],
)
def test_secrets_by_their_form(value: Any, shown: Any) -> None:
    """In URLs, after "Bearer", in headers, environments and commands."""
    assert hide(value) == shown


def test_the_schema_of_a_tool_is_shown() -> None:
    """A field that is called "password" is no password."""
    schema = {"properties": {"password": {"type": "string", "description": "of the user"}}}
    assert hide({"parameters": schema}) == {"parameters": schema}
    assert secrets_in(schema) == []


@pytest.mark.parametrize(
    "text",
    [
        'Pass api_key=..., or set OPENAI_API_KEY. "token" is no option.',
        "max_tokens='many': expected a whole number",
        "authorization: required",
        "The key: an example. https://host/path?team=a#part me@example.org",
        "Basic knowledge of bearer bonds",
        "tool_choice={'type': 'auto'}: expected 'auto', 'none'",
    ],
)
def test_ordinary_text_is_not_changed(text: str) -> None:
    """Messages of this library and of services stay readable."""
    assert hide_in_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"api_key='{SECRET}'",
        f'{{"apiKey": "{SECRET}"}}',
        f"{{'a': {{'token': '{SECRET}'}}}}",
        f"X-Api-Key: {SECRET}",
        f"authorization: Bearer {SECRET}",
        f'"{{\\"password\\": \\"{SECRET}\\"}}"',
        f"GET https://u:{SECRET}@h/",
        f"GET https://h/?token={SECRET} HTTP/1.1",
        f"OpenAI(password={SECRET!r}, n=1)",
    ],
)
def test_secrets_in_text(text: str) -> None:
    """In reprs, JSON, JSON within JSON, headers, and lines of a log."""
    assert SECRET not in hide_in_text(text)


def test_long_text_takes_time_in_proportion() -> None:
    """No pattern goes back and forth over a string that is made for it."""
    for part in ("a", "a.", "\\", "'", '"a": "', "a://", "x=", "?a", "Bearer ", "a:", "--a="):
        text = part * (40_000 // len(part))
        assert len(hide_in_text(text)) >= 8


# -- by value


@given(st.lists(TOKENS, max_size=4), TOKENS)
def test_values_are_replaced(secrets: list[str], other: str) -> None:
    """The longer first, so that no part of one is left; short words are no secrets."""
    text = " ".join([*secrets, "plain", *reversed(secrets)])
    shown = redact(text, secrets)
    assert not any(secret in shown for secret in secrets)
    assert "plain" in shown
    assert redact("Bearer none", ["none", "Bearer"]) == "Bearer none"


def test_the_oldest_values_are_forgotten() -> None:
    """The memory of a process with keys that expire does not grow."""
    known = RecentSecrets()
    for number in range(5 * known.max_keys):
        known.add(f"secret-{number}")
    assert known.max_keys <= len(known.keys()) <= 2 * known.max_keys
    assert f"secret-{5 * known.max_keys - 1}" in known.keys()


# -- dicts that hide what they have


def test_a_secret_dict_is_a_dict() -> None:
    """It compares, pickles and copies as one, and only its repr is another."""
    made = SecretDict({"token": SECRET, "n": 1, "note": f"<{SECRET}>"})
    assert repr(made) == f"{{'token': '{HIDDEN}', 'n': 1, 'note': '<{HIDDEN}>'}}"
    assert made == {"token": SECRET, "n": 1, "note": f"<{SECRET}>"}
    for copied in (pickle.loads(pickle.dumps(made)), deepcopy(made)):
        assert copied == made
        assert SECRET not in repr(copied)
    assert json.loads(json.dumps(made)) == made
    headers = SecretHeaders({"x-any": SECRET})
    assert repr(headers) == f"{{'x-any': '{HIDDEN}'}}"
    assert hide({"made": headers}) == {"made": {"x-any": HIDDEN}}


def test_a_secret_string_is_known_by_its_value() -> None:
    """Whatever name it has."""
    assert secrets_in({"anything": [SecretStr(SECRET)]}) == [SECRET, SECRET]


def test_circles_end() -> None:
    """A value that holds itself has a repr."""
    value: dict[str, Any] = {"token": SECRET}
    value["self"] = value
    assert SECRET not in repr(hide(value))
