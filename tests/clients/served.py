"""The chains that JavaScript clients are tried on, and what arrives there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from runnables import (
    AIMessage,
    BaseMessage,
    RunnableGenerator,
    RunnableLambda,
    ToolMessage,
    create_agent,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.agents.tills import Till, asks as pays
from tests.node import CLIENTS
from tests.serving.chains import add, asks, chains
from tests.serving.servers import serving
from tests.serving.upstreams import Upstream


def _add(conversation: list[BaseMessage]) -> AIMessage | str:
    """Ask for a sum; say the result."""
    last = conversation[-1]
    return f"It is {last.text}." if isinstance(last, ToolMessage) else asks()


def paced(chunks: list[str]) -> dict[str, Any]:
    """Return a chain that says one of these whenever another chain, "next", has run."""
    steps = asyncio.Semaphore(0)

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        for text in chunks:
            await steps.acquire()
            yield text

    async def take_step(_: str) -> str:
        steps.release()
        return "done"

    return {"paced": RunnableGenerator(answer), "next": RunnableLambda(take_step)}


def _pay(conversation: list[BaseMessage]) -> AIMessage | str:
    """Ask for each payment that the last message has an amount of; say what came of it."""
    last = conversation[-1]
    if isinstance(last, ToolMessage):
        return f"It is said: {last.text}"
    amounts = [int(word) for word in last.text.split() if word.isdecimal()]
    return pays(**{f"call_{euros}": euros for euros in amounts}) if amounts else "All right."


class Clients:
    """A script of a client, after it has run all its cases on a server.

    Args:
        script: the script.
        options: its options, and the cases, where it shall not run all.
        page: the files of a page that is served, too.
        served: how the chains are served.

    Attributes:
        cases: what they have found.
        upstream: the service of the chain "up".
        adder: a model that asks for a sum, and says it when it has read the result.
        thinker: the model of the agent, which does the same with a tool of the server.
        till: the tools of the agent "till", of which one needs approval.
    """

    def __init__(self, script: str, *options: str, page: Path | None = None, **served: Any) -> None:
        self.upstream = Upstream()
        self.adder = ScriptedChatModel([_add], cycle=True)
        self.thinker = ScriptedChatModel([asks(), "It is 3."], cycle=True)
        self.till = Till()
        with serving(self._chains(), files=page, **{"shows_steps": True, **served}) as server:
            self.cases = CLIENTS.run_cases(script, server.url, *options)

    def _chains(self) -> dict[str, Any]:
        """Return the chains by name."""
        return {
            **chains(),
            "agent": create_agent(self.thinker, [add]),
            "adder": self.adder,
            "up": RunnableGenerator(self.upstream.answer),
            "value": RunnableLambda(lambda _: {"height": 3}),
            "till": create_agent(ScriptedChatModel([_pay], cycle=True), [self.till.pay]),
            "moody": ScriptedChatModel([ValueError("no"), "Well."]),
            **paced(["One", " two", " three"]),
        }
