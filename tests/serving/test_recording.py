"""The last runs of a chain, kept within bounds, and their values as strings."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from runnables import AIMessage, HumanMessage, RunnableLambda
from runnables.redaction import remember_secrets
from runnables.serving.excerpts import brief, excerpt
from runnables.serving.recording import RunRecorder
from tests.both_modes import Call


def same(value: Any) -> Any:
    """Return the input."""
    return value


def recorder(**options: Any) -> RunRecorder:
    """Return a recorder."""
    return RunRecorder(shows_errors=True, **options)


def test_the_oldest_runs_go_first(call: Call) -> None:
    """As many as may be are kept, the newest first; sync and async."""
    keeps = recorder(max_runs=3)
    for number in range(5):
        call.invoke(RunnableLambda(same), number, {"callbacks": [keeps]})
    assert [run["asked"] for run in keeps.runs()] == ["4", "3", "2"]


def test_the_bytes_of_all_runs_are_bounded() -> None:
    """Large values drive out older runs, and the values of one run never take more than half."""
    keeps = recorder(max_bytes=100_000)
    chain = RunnableLambda(same)
    for _ in range(45):
        chain.invoke("x" * 90_000, {"callbacks": [keeps]})
    assert 2 < len(keeps.runs()) < 45
    long = RunnableLambda(lambda _: ["x" * 10_000] * 200) | RunnableLambda(same).map()
    long.invoke("", {"callbacks": [keeps]})
    run = keeps.runs()[0]
    steps = keeps.run(run["id"])
    assert steps is not None and 0 < len(steps["steps"]) and steps["left_out"] > 100
    first = keeps.step(run["id"], steps["steps"][-1]["id"], None)
    assert first is not None and first["output"]["is_cut"]


def test_every_step_of_a_long_run_keeps_the_start_of_its_values() -> None:
    """The more a run has, the less each more value gets, but none gets nothing."""
    keeps = recorder()
    chain = (
        RunnableLambda(lambda _: list(range(500))) | RunnableLambda(lambda _: "x" * 100_000).map()
    )
    chain.invoke("", {"callbacks": [keeps]})
    run_id = keeps.runs()[0]["id"]
    steps: Any = keeps.run(run_id)
    assert steps["left_out"] == 0 and len(steps["steps"]) == 503
    kept = [keeps.step(run_id, step["id"], 0)["output"]["kept"] for step in steps["steps"][3:]]  # type: ignore[index]
    assert kept[0] == 100_000 and min(kept) >= 1_000


def test_runs_in_many_threads_are_all_kept() -> None:
    """None is lost, and each has its own steps."""
    keeps = recorder(max_runs=500)
    chain = RunnableLambda(same) | RunnableLambda(same)

    def work() -> None:
        for number in range(50):
            chain.invoke(number, {"callbacks": [keeps]})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = keeps.runs()
    assert len(runs) == 400
    assert {len(keeps.run(run["id"])["steps"]) for run in runs} == {3}  # type: ignore[index]


def test_a_run_with_an_id_that_was_there_replaces_it() -> None:
    """A config may repeat an id; what is counted stays what is kept."""
    keeps = recorder(max_bytes=100_000)
    for number in range(100):
        config: Any = {"callbacks": [keeps], "run_id": "same"}
        RunnableLambda(same).invoke(f"{number} " * 1000, config)
    RunnableLambda(same).invoke("other", {"callbacks": [keeps]})
    assert [run["asked"][:3] for run in keeps.runs()] == ["oth", "99 "]


def test_a_run_that_was_dropped_while_it_ran_is_not_missed() -> None:
    """Its last events change nothing."""
    keeps = recorder(max_runs=1)
    inner = RunnableLambda(same)

    def outer(value: int) -> int:
        return inner.invoke(value, {"callbacks": [keeps], "run_id": "other"})

    RunnableLambda(outer).invoke(1, {"callbacks": [keeps]})
    assert len(keeps.runs()) == 1


# -- values


class Pair(BaseModel):
    left: str
    right: SecretStr


@dataclass
class Point:
    x: int
    y: Any


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no repr")


def test_a_value_is_cut_before_it_is_written() -> None:
    """A huge one costs no more than what is kept."""
    huge = ["x" * 1000] * 100_000
    started = time.process_time()
    found = excerpt(huge, 10_000)
    assert time.process_time() - started < 0.5  # whole, it takes ten times as long
    assert found.is_cut and len(found.text) < 12_000
    assert json.loads(found.text)[-1] == "… 99990 more"


def test_values_of_all_kinds_have_a_string() -> None:
    """Models, dataclasses, bytes, circles, halves of characters, and what has no repr."""
    circle: list[Any] = []
    circle.append(circle)
    values: dict[str, Any] = {
        '{"left":"a","right":"**********"}': Pair(left="a", right=SecretStr("b")),
        '{"x":1,"y":"<3 bytes>"}': Point(1, b"abc"),
        '{"1":[true,null]}': {1: (True, None)},
        "?": "\ud800",
        "<Broken>": Broken(),
    }
    assert {excerpt(value, 100).text: value for value in values.values()} == values
    assert excerpt(circle, 100).is_cut


def test_secrets_are_hidden() -> None:
    """Those that have their name beside them."""
    assert excerpt({"api_key": "abcdefgh", "a": 1}, 100).text == '{"api_key":"**********","a":1}'


def test_a_secret_that_the_cut_goes_through_is_hidden() -> None:
    """In strings, in values, in what the list of runs shows, and in errors."""
    key = "sk-cut-0123456789abcdef"
    remember_secrets({"api_key": key})
    for length in range(50, 50 + len(key)):
        text = "x" * 50 + key + "y" * 5000
        found = [excerpt(value, length).text for value in (text, [text], Point(1, text))]
        assert all("sk-" not in shown for shown in (*found, brief(text, length)))

    def fail(_: str) -> None:
        raise ValueError("x" * 3_980 + f" ?api_key={key}&more")

    keeps = recorder()
    with pytest.raises(ValueError, match="more"):
        RunnableLambda(fail).invoke("", {"callbacks": [keeps]})
    assert "sk-" not in keeps.runs()[0]["error"]


def test_messages_have_what_they_say() -> None:
    """Empty fields are left out; a list of messages is known by its last one."""
    messages = [HumanMessage("Hi"), AIMessage("Ahoy!")]
    assert json.loads(excerpt(messages, 1000).text) == [
        {"type": "human", "content": "Hi"},
        {"type": "ai", "content": "Ahoy!"},
    ]
    assert brief(messages, 100) == brief({"messages": messages}, 100) == "Ahoy!"
    assert brief("a" * 20, 10) == "a" * 10
    assert brief({"a": 1}, 100) == '{"a":1}'
