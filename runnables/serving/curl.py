"""Requests for curl, made of the description of an endpoint."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from runnables.serving.example_values import example_of

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_PARAMETER: Final = re.compile(r"([^{}]+)(?:\{(\w+)\})?")
"""A part of a path, and the name of the parameter after it."""


@dataclass(frozen=True)
class CurlRequests:
    """Makes the requests of one server.

    Attributes:
        address: where the server is, without a "/" at its end.
        schemas: the types that its description refers to.
        needs_key: whether requests need a key, which is read from the variable KEY of the shell.
        known: values of parameters in paths; others are variables of the shell, to be set.
    """

    address: str
    schemas: Mapping[str, Any]
    needs_key: bool
    known: Mapping[str, str]

    def of(self, method: str, path: str, operation: Mapping[str, Any]) -> str:
        """Return the commands that send one request: they can be pasted into a shell."""
        body = operation.get("requestBody")
        answer = operation["responses"].get("200", {})
        parameters = operation.get("parameters", ())
        names = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
        options = [self._url(path)]
        if method != ("get" if body is None else "post"):
            options.append(f"-X {method.upper()}")
        if self.needs_key and operation.get("security") != []:
            options.append('-H "Authorization: Bearer $KEY"')
        if body is not None:
            value = example_of(body["content"][_JSON]["schema"], self.schemas)
            sent = json.dumps(value, ensure_ascii=False, default=str)
            options += [f"-H 'Content-Type: {_JSON}'", f"-d {shlex.quote(sent)}"]
        streams = _EVENTS in answer.get("content", {})
        variables = [f"{name}=ID" for name in names if name not in self.known]
        command = ("curl -N " if streams else "curl ") + " \\\n  ".join(options)
        return "\n".join([*variables, command])

    def _url(self, path: str) -> str:
        """Return the URL as a word of the shell; what is unknown of it is a variable."""
        words = [shlex.quote(self.address)]
        for text, name in _PARAMETER.findall(path):
            words.append(shlex.quote(quote(text + self.known.get(name, ""))))
            if name and name not in self.known:
                words.append(f'"${name}"')
        return "".join(word for word in words if word != "''")
