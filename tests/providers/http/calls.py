"""Helpers of the HTTP tests: requests, and calls in sync and async."""

from __future__ import annotations

from runnables_providers._http import ClientConfig, Reply, Request, asend, astream, send, stream
from tests.both_modes import Call

KEY = "sk-very-secret"
CONFIG = ClientConfig()


def request(url: str, body: bytes = b'{"a": 1}', path: str = "/v1/chat") -> Request:
    """Return a POST with a key in a header and in the URL."""
    return Request("POST", f"{url}{path}?key={KEY}", {"authorization": f"Bearer {KEY}"}, body)


def reply(call: Call, http_request: Request, config: ClientConfig = CONFIG) -> Reply:
    """Send a request; return the whole reply."""
    return call.run(
        lambda: send(http_request, config, "acme"), lambda: asend(http_request, config, "acme")
    )


def read_chunks(
    call: Call, http_request: Request, config: ClientConfig = CONFIG, take: int | None = None
) -> list[bytes]:
    """Return the chunks of a streamed reply; with `take`, close it after so many."""
    chunks: list[bytes] = []

    def sync() -> list[bytes]:
        with stream(http_request, config, "acme") as streamed:
            for chunk in streamed:
                chunks.append(chunk)
                if len(chunks) == take:
                    break
        return chunks

    async def asynchronous() -> list[bytes]:
        async with await astream(http_request, config, "acme") as streamed:
            async for chunk in streamed:
                chunks.append(chunk)
                if len(chunks) == take:
                    break
        return chunks

    return call.run(sync, asynchronous)


def shown(error: BaseException) -> str:
    """Return everything that a traceback would print of an error and its causes."""
    import traceback

    return "".join(traceback.format_exception(error)) + repr(error)
