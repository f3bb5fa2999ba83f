"""A real LangServe server with a few chains, in its own environment, until its input ends."""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langserve import add_routes
from pydantic import BaseModel


class Question(BaseModel):
    text: str


class Endless:
    def __iter__(self):
        return self

    def __next__(self):
        call = {"name": "add", "args": {"a": 1}, "id": "1", "type": "tool_call"}
        return AIMessage("One two three.", tool_calls=[call])


CLOSED = {"count": 0}


async def endless(inputs):
    async for _ in inputs:
        pass
    try:
        while True:
            yield "x"
            await asyncio.sleep(0)
    finally:
        CLOSED["count"] += 1


async def broken(inputs):
    async for _ in inputs:
        pass
    yield "One"
    raise ValueError("no")


def odd_only(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("even")
    return number


model = GenericFakeChatModel(messages=iter(Endless()))
chains = {
    "model": model,
    "prompt": ChatPromptTemplate.from_template("Say {what}.") | model,
    "upper": RunnableLambda(lambda question: question["text"].upper()).with_types(
        input_type=Question
    ),
    "documents": RunnableLambda(lambda text: [Document(text, metadata={"n": 1})]),
    "odd": RunnableLambda(odd_only),
    "broken": RunnableGenerator(broken),
    "endless": RunnableGenerator(endless),
    "closed": RunnableLambda(lambda _: CLOSED["count"]),
}


async def main():
    app = FastAPI()
    for name, chain in chains.items():
        add_routes(app, chain, path=f"/{name}")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("port", server.servers[0].sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving


asyncio.run(main())
