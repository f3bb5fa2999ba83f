"""Takes the pictures of the page that are in the docs: python -m tests.serving.page_shots"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    RateLimitError,
    RunnableLambda,
    StrOutputParser,
    create_agent,
    tool,
    tool_call,
)
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.agents.tills import Till, asks as asks_for
from tests.node import PAGE, ROOT, chromium_option
from tests.serving.servers import serving

IMAGES = ROOT / "docs" / "images"
USAGE: Any = {"input_tokens": 31, "output_tokens": 12, "total_tokens": 43}
ANSWER: Any = [
    *("High tide ", Delay(0.08), "at Brest is at 04:12, ", Delay(0.1), "at Saint-Malo "),
    *(Delay(0.08), "at 06:01. The range there is among the largest in Europe."),
]


@tool
def search(query: str, limit: int = 3) -> list[dict[str, Any]]:
    """Search the tables of the tides."""
    time.sleep(0.1)
    return [
        {"port": "Brest", "high": "04:12", "meters": 6.4},
        {"port": "Saint-Malo", "high": "06:01", "meters": 11.2},
    ][:limit]


def asks() -> AIMessage:
    """Return an answer that calls the tool."""
    thought: Any = {"type": "reasoning", "reasoning": "The tables have the times."}
    text: Any = {"type": "text", "text": "Let me look that up."}
    args = {"query": "high tide tomorrow", "limit": 2}
    return AIMessage([thought, text], tool_calls=[tool_call(name="search", args=args, id="call_1")])


def numbers(text: str) -> list[int]:
    """Return the numbers of many ports."""
    return list(range(300))


async def port(number: int) -> str:
    """Return what there is to say of a port: a hundred kilobytes."""
    await asyncio.sleep(random.Random(number).random() * 0.1)
    if number == 42:
        raise ValueError("there is no such port")
    return f"Port {number}: high tide at 04:12. " * 3000


def joined(parts: list[str]) -> str:
    """Return a hundred kilobytes of all."""
    return "\n".join(text[:330] for text in parts)


def shots() -> None:
    """Take the pictures."""
    chat = ScriptedChatModel([asks(), ANSWER], cycle=True, usage=USAGE)
    tide = ScriptedChatModel(
        [["The tide ", Delay(0.2), "comes and goes."]], cycle=True, usage=USAGE
    )
    busy = ScriptedChatModel([["One, ", Delay(0.2), "two, ", RateLimitError("busy")]], cycle=True)
    text = StrOutputParser()
    chains = {
        "tides": create_agent(chat, [search]),
        "explain": ChatPromptTemplate.from_template("Explain {word}, {tone}.") | tide | text,
        "till": Till().agent(asks_for(a=500), "It is paid."),
        "broken": ChatPromptTemplate.from_template("Say {what}.") | busy | text,
        "long": RunnableLambda(numbers)
        | RunnableLambda(port).with_fallbacks([RunnableLambda(lambda _: "")]).map()
        | RunnableLambda(joined),
    }
    with serving(chains, page=True, shows_steps=True, shows_errors=True) as server:
        PAGE.run("tests/shots.mjs", server.url, str(IMAGES), chromium_option())


if __name__ == "__main__":
    shots()
