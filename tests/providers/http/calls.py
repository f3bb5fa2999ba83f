"""What the tests of the edge share: requests, and both colours of a call."""

from __future__ import annotations

from typing import Any

from runnables_providers._http import ClientConfig, Reply, Request, asend, astream, send, stream
from tests.both_modes import Call

KEY = "sk-very-secret"
SETUP = ClientConfig()


def request(url: str, body: bytes = b'{"a": 1}', path: str = "/v1/chat") -> Request:
    """A POST with a key in its header and another in its address."""
    return Request("POST", f"{url}{path}?key={KEY}", {"authorization": f"Bearer {KEY}"}, body)


def reply(call: Call, what: Request, setup: ClientConfig = SETUP) -> Reply:
    """The answer as a whole."""
    return call.run(lambda: send(what, setup, "acme"), lambda: asend(what, setup, "acme"))


def pieces(
    call: Call, what: Request, setup: ClientConfig = SETUP, take: int | None = None
) -> list[bytes]:
    """The pieces of a streamed answer; with `take`, it is left after so many."""
    found: list[bytes] = []

    def sync() -> list[bytes]:
        with stream(what, setup, "acme") as streamed:
            for piece in streamed:
                found.append(piece)
                if len(found) == take:
                    break
        return found

    async def coloured() -> list[bytes]:
        async with await astream(what, setup, "acme") as streamed:
            async for piece in streamed:
                found.append(piece)
                if len(found) == take:
                    break
        return found

    return call.run(sync, coloured)


def told(error: BaseException) -> str:
    """Everything that a traceback would print of an error, with what stands behind it."""
    import traceback

    seen: Any = error
    return "".join(traceback.format_exception(seen)) + repr(error)
