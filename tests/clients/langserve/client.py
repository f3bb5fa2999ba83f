"""LangServe's own client, which does what the lines of its input say, in its own environment.

Each line is JSON: `{"do": "invoke", "mode": "sync", "url": ..., "input": ...}`. So is each answer.
"""

import asyncio
import json
import sys
from itertools import islice

from langchain_core.load import dumpd
from langchain_core.messages import BaseMessage, HumanMessage
from langserve import RemoteRunnable


def shown(value):
    if isinstance(value, BaseMessage):
        fields = {"class": type(value).__name__, "content": value.content}
        return fields | {"calls": getattr(value, "tool_calls", []), "id": value.id}
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    return [shown(part) for part in value] if isinstance(value, (list, tuple)) else value


def read(value):
    """Return an input, in which `{"user": ...}` stands for a message."""
    if isinstance(value, dict):
        return (
            HumanMessage(value["user"])
            if "user" in value
            else {key: read(part) for key, part in value.items()}
        )
    return [read(part) for part in value] if isinstance(value, list) else value


def sync(remote, order):
    value, take = read(order["input"]), order.get("take")
    if order["do"] == "invoke":
        return remote.invoke(value)
    if order["do"] == "batch":
        return remote.batch(value)
    stream = remote.stream(value)
    chunks = []
    try:
        chunks.extend(islice(stream, take))
    except Exception as error:
        error.chunks = shown(chunks)
        raise
    finally:
        stream.close()
    return chunks


async def asynchronous(remote, order):
    value, take = read(order["input"]), order.get("take")
    if order["do"] == "invoke":
        return await remote.ainvoke(value)
    if order["do"] == "batch":
        return await remote.abatch(value)
    events = order["do"] == "events"
    stream = remote.astream_events(value, version="v2") if events else remote.astream(value)
    chunks = []
    try:
        async for chunk in stream:
            chunks.append(chunk)
            if len(chunks) == take:
                break
    except Exception as error:
        error.chunks = shown(chunks)
        raise
    finally:
        await stream.aclose()
    return chunks


def described(error):
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    found = {"error": type(error).__name__, "status": status, "text": str(error)}
    return found | {"chunks": getattr(error, "chunks", [])}


async def main():
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        remote = RemoteRunnable(order["url"])
        try:
            if order["mode"] == "sync":
                found = await asyncio.to_thread(sync, remote, order)
            else:
                found = await asynchronous(remote, order)
            answer = {"value": shown(found)}
        except Exception as error:
            answer = described(error)
        print(json.dumps(answer, default=dumpd), flush=True)


asyncio.run(main())
