"""The endpoints of pages: the AI SDK's chat, and AG-UI's agents."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runnables.agents.conversation import with_all_results
from runnables.messages.ai import AIMessage
from runnables.messages.roles import ToolMessage
from runnables.serving.ag_ui import AgUiEvents, read_ag_ui, read_resume
from runnables.serving.ai_sdk import HEADERS, UIMessageStream, read_approvals, read_ui_messages
from runnables.serving.openai_endpoints import refuse
from runnables.serving.requests import endpoint, read_object
from runnables.serving.response import AnswerFormat, RunResponse
from runnables.serving.resume_endpoints import chat_answer, chat_routes

if TYPE_CHECKING:
    from starlette.requests import Request

    from runnables.messages.base import BaseMessage
    from runnables.serving.parts import Failure
    from runnables.serving.service import ServedChain, Service


def page_routes(service: Service, served: ServedChain) -> list[Route]:
    """Return the routes of one chain for pages."""
    max_bytes = service.limits.max_body_bytes

    async def chat(request: Request) -> Response:
        body = await read_object(request, max_bytes)
        messages = with_all_results(read_ui_messages(body))
        asking = service.asking(served, messages, read_approvals(body))
        steps = body.get("steps") is True and service.shows_steps
        run = service.run(
            served.chain,
            served.input_of(messages),
            given=len(messages),
            asking=asking,
            shows_steps=steps,
            name=served.name,
        )
        goes_on = _goes_on(messages)
        message_id = None if goes_on else f"msg-{uuid4().hex}"
        stream = UIMessageStream(message_id, shows_steps=steps)
        answer_format = AnswerFormat(stream.encode, plain, headers=HEADERS)
        return await chat_answer(
            service, served, request, body.get("id"), run.parts(), answer_format, goes_on=goes_on
        )

    async def ag_ui(request: Request) -> Response:
        body = await read_object(request, max_bytes)
        messages = with_all_results(read_ag_ui(body))
        asking = service.asking(served, messages, read_resume(body))
        run = service.run(
            served.chain,
            served.input_of(messages),
            given=len(messages),
            asking=asking,
            shows_steps=True,
            name=served.name,
        )
        events = AgUiEvents(
            body["threadId"], body["runId"], is_current=body.get("protocolVersion") is not None
        )
        return RunResponse(run.parts(), AnswerFormat(events.encode, refuse), service)

    found: list[Route] = []
    if "ai-sdk" in service.protocols:
        found.append(Route("/api/chat", endpoint(chat, plain), methods=["POST"]))
        found += chat_routes(service, served, plain, HEADERS)
    if "ag-ui" in service.protocols:
        found.append(Route("/ag-ui", endpoint(ag_ui, refuse), methods=["POST"]))
    return found


def plain(failure: Failure) -> Response:
    """Return a failure as text, which is what the AI SDK shows."""
    return PlainTextResponse(failure.message, failure.status, dict(failure.headers))


def _goes_on(messages: list[BaseMessage]) -> bool:
    """Tell whether the answer continues the page's last message, with results of its tools."""
    return bool(messages) and isinstance(messages[-1], (AIMessage, ToolMessage))
