"""The bodies of requests, read within limits, before anything runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, cast

from anyio import fail_after
from pydantic_core import from_json
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from runnables.serving.failures import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

    from runnables.serving.parts import Failure


BODY_SECONDS: Final = 120.0
"""For how many seconds a body may be on its way; no one waits longer for the rest of half a one."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request.

    Raises:
        RequestError: it is larger than allowed, or does not arrive in time.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > max_bytes):
        raise _too_large(max_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        with fail_after(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                parts.append(part)
    except TimeoutError:
        raise RequestError("The body did not arrive in time.", 408, "body_timeout") from None
    return b"".join(parts)


def _too_large(max_bytes: int) -> RequestError:
    return RequestError(f"The body is larger than {max_bytes} bytes.", 413, "too_large")


async def read_object(request: Request, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object that a request has as its body.

    Raises:
        RequestError: the body is too large, no JSON, or no object. Other content types than JSON
            are refused: a page of another site can send them without the browser's asking.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise RequestError("The content type must be application/json.", 415, "media_type")
    body = await read_body(request, max_bytes)
    try:
        value = from_json(body, allow_inf_nan=False)  # refuses halves of characters, too
    except ValueError:
        raise RequestError("The body is no JSON.") from None
    if not isinstance(value, dict):
        raise RequestError("The body must be a JSON object.")
    return cast("dict[str, Any]", value)


def endpoint(
    handler: Callable[[Request], Awaitable[Response]], refuse: Callable[[Failure], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint whose errors in requests become responses of its protocol.

    Args:
        handler: reads the request, and returns the response.
        refuse: makes the response of a failure.
    """

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except RequestError as error:
            return refuse(error.failure)
        except ClientDisconnect:  # it left while it sent the body
            return Response(status_code=499)

    return handle
