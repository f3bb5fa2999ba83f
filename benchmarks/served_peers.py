"""What serves the same stream in other libraries, each in an environment of its own.

Nothing here imports `runnables`, which those environments lack.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from typing import Any

PEERS = {
    "LangServe /stream": ("langserve", ("langserve[server]==0.3.3", "uvicorn==0.54.0")),
    "pydantic-ai AG-UI": ("pydantic-ai", ("pydantic-ai-slim[ag-ui]==2.68.0", "uvicorn==0.54.0")),
}
"""By its row, the name of a peer's environment and its packages."""

PAUSE_AFTER = 10
"""After how many chunks a source without pauses gives way to the event loop, as a model does."""


async def words(chunks: int, pause: float) -> AsyncGenerator[str, None]:
    """Yield chunks, each with its number and the time at which it was made."""
    if pause:
        await asyncio.sleep(random.random() * pause)  # streams do not all begin at once
    for number in range(chunks):
        yield f"{number} {time.monotonic():.6f} "
        if pause:
            await asyncio.sleep(pause)
        elif number % PAUSE_AFTER == 0:
            await asyncio.sleep(0)


def langserve(chunks: str, pause: str) -> Any:
    """Return the application of LangServe."""
    from fastapi import FastAPI
    from langchain_core.runnables import RunnableGenerator
    from langserve import add_routes

    async def answer(inputs: Any) -> AsyncGenerator[str, None]:
        async for _ in inputs:
            pass
        async for word in words(int(chunks), float(pause)):
            yield word

    app = FastAPI()
    add_routes(app, RunnableGenerator(answer).with_types(input_type=str), path="/c")
    return app


def pydantic_ai(chunks: str, pause: str) -> Any:
    """Return the application of pydantic-ai."""
    from pydantic_ai import Agent
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.ui.ag_ui import AGUIAdapter
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def answer(messages: Any, info: Any) -> AsyncGenerator[str, None]:
        async for word in words(int(chunks), float(pause)):
            yield word

    agent = Agent(FunctionModel(stream_function=answer))

    async def run(request: Any) -> Any:
        return await AGUIAdapter.dispatch_request(request, agent=agent)

    return Starlette(routes=[Route("/c/ag-ui", run, methods=["POST"])])
