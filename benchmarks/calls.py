"""Rows about one call through ten steps, and about the time until the first."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from benchmarks.harness import Row, Run, Script, arepeated, repeated

STEPS = 10


def inc(x: int) -> int:
    return x + 1


async def ainc(x: int) -> int:
    return x + 1


def _plain() -> Run:
    steps = [inc] * STEPS

    def work() -> int:
        x = 1
        for step in steps:
            x = step(x)
        return x

    return repeated(work)


def _awaits() -> Run:
    steps = [ainc] * STEPS

    async def work() -> int:
        x = 1
        for step in steps:
            x = await step(x)
        return x

    return arepeated(work)


def _chain(step: Any, *args: Any, **kwargs: Any) -> Any:
    return reduce(or_, [step(*args, **kwargs) for _ in range(STEPS)])


def _peer() -> Any:
    from langchain_core.runnables import RunnableLambda

    return RunnableLambda


def _ours() -> Any:
    from runnables import RunnableLambda

    return RunnableLambda


def _invoke(chain: Any) -> Run:
    return repeated(lambda: chain.invoke(1))


def _ainvoke(chain: Any) -> Run:
    return arepeated(lambda: chain.ainvoke(1))


_IMPORT = "import time; t = time.perf_counter(); {}; print(1000 * (time.perf_counter() - t))"

_COLD_START = """
{}
import time
print(1000 * time.process_time())
"""
"""All that the process has computed, from its start on, the interpreter's own part included."""

_ONE_CLASS = """
from pydantic import BaseModel
class P(BaseModel):
    a: int
P(a=1)
"""

_FIRST_ANSWER = """
{}
prompt = ChatPromptTemplate.from_template("Say {{x}}")
chain = prompt | FakeListChatModel(responses=["hi"]) | StrOutputParser()
assert chain.invoke({{"x": 1}}) == "hi"
"""

_OUR_FIRST_ANSWER = _FIRST_ANSWER.format(
    "from runnables import ChatPromptTemplate, FakeListChatModel, StrOutputParser"
)

_PEER_FIRST_ANSWER = _FIRST_ANSWER.format(
    """
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
"""
)

ROWS = (
    Row(
        name="invoke",
        title="invoke, 10 steps",
        unit="us/step",
        per=STEPS,
        budget=7.3,  # 0.3 us where a plain call is 41 ns
        floor=_plain,
        peer=lambda: _invoke(_chain(_peer(), inc)),
        ours=lambda: _invoke(_chain(_ours(), inc)),
    ),
    Row(
        name="ainvoke-non-blocking",
        title="ainvoke, 10 sync steps, blocking=False",
        unit="us/step",
        per=STEPS,
        budget=4.8,  # 0.5 us where an await is 105 ns
        floor=_awaits,
        peer=lambda: _ainvoke(_chain(_peer(), inc)),
        ours=lambda: _ainvoke(_chain(_ours(), inc, blocking=False)),
    ),
    Row(
        name="ainvoke",
        title="ainvoke, 10 async steps",
        unit="us/step",
        per=STEPS,
        budget=4.8,
        floor=_awaits,
        peer=lambda: _ainvoke(_chain(_peer(), ainc)),
        ours=lambda: _ainvoke(_chain(_ours(), ainc)),
    ),
    Script(
        name="import",
        title="import runnables",
        unit="ms",
        budget=1.2,
        sources={
            "floor": _IMPORT.format("from pydantic import BaseModel"),
            "peer": _IMPORT.format("from langchain_core.runnables import RunnableLambda"),
            "ours": _IMPORT.format("from runnables import RunnableLambda"),
        },
    ),
    Script(
        name="cold-start",
        title="cold start: the first answer of prompt, model, parser",
        unit="ms CPU",
        budget=1.4,
        sources={
            "floor": _COLD_START.format(_ONE_CLASS),
            "peer": _COLD_START.format(_PEER_FIRST_ANSWER),
            "ours": _COLD_START.format(_OUR_FIRST_ANSWER),
        },
    ),
)
