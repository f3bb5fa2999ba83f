"""The chains that the page is tried with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

from pydantic import BaseModel

from runnables import RunnableGenerator, RunnableLambda, create_agent
from runnables_providers.scripted import ScriptedChatModel
from tests.agents.tills import Till, asks as asks_for
from tests.serving.chains import USAGE, add, asks, chains
from tests.serving.upstreams import Upstream

HTML = "<img src=x onerror=alert(1)><script>window.hasRun = true</script><b>bold</b>"


class Address(BaseModel):
    """Where something goes."""

    street: str


class Order(BaseModel):
    """What is ordered."""

    item: str
    amount: int = 1
    express: bool = False
    size: Literal["small", "large"] = "small"
    tags: list[str] = []
    address: Address


def accepted(order: Order) -> dict[str, Any]:
    """Return an order as it was read."""
    return order.model_dump()


class Gate:
    """An answer of two words, of which the second waits until the first was seen."""

    def __init__(self) -> None:
        self._open = asyncio.Event()

    async def answer(self, inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        """Answer with the second word when the gate is open."""
        async for _ in inputs:
            pass
        yield "first "
        await self._open.wait()
        yield "second"

    async def open(self, value: str) -> str:
        """Open the gate."""
        self._open.set()
        return value


async def words_of(number: int) -> str:
    """Return a hundred kilobytes."""
    await asyncio.sleep(0)
    return f"Words of step {number}. " * 5000


def numbers(text: str) -> list[int]:
    """Return the numbers of many steps."""
    return list(range(300))


def joined(parts: list[str]) -> str:
    """Return the first hundred kilobytes of all."""
    return "".join(parts)[:100_000]


def big(text: str) -> dict[str, str]:
    """Return a value that is larger than what is shown at first."""
    return {"text": text, "more": "x" * 50_000}


def page_chains(upstream: Upstream, till: Till) -> tuple[dict[str, Any], ScriptedChatModel]:
    """Return the chains, and the model that the agent among them asks."""
    gate = Gate()
    model = ScriptedChatModel([asks(), "It is 3."], cycle=True, usage=USAGE)
    more: dict[str, Any] = {
        "thinker": create_agent(model, [add]),
        "till": till.agent(asks_for(a=500), "It is paid.", asks_for(b=700), "Then not."),
        "gated": RunnableGenerator(gate.answer),
        "open": RunnableLambda(gate.open),
        "up": RunnableGenerator(upstream.answer),
        "order": RunnableLambda(accepted),
        "html": RunnableLambda(lambda _: HTML),
        "big": RunnableLambda(big),
        "long": RunnableLambda(numbers) | RunnableLambda(words_of).map() | RunnableLambda(joined),
    }
    return chains() | more, model
