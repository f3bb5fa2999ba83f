"""The local model in programs that end, fork and are interrupted."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.providers.local.conftest import Run

pytestmark = pytest.mark.local_model

BEGIN = """
import os, signal, sys, threading, time
from runnables import init_chat_model
model = init_chat_model("local", max_tokens=2000)
STORY = "Write a very long story about a fox."
"""


@pytest.mark.parametrize("seconds", [0.0, 0.2, 2.0])
def test_a_program_may_end_while_a_thread_calls_the_model(run: Run, seconds: float) -> None:
    """While the model loads or runs: the exit status is the program's, nothing is printed."""
    done = run(
        BEGIN + "threading.Thread(target=model.invoke, args=(STORY,), daemon=True).start()\n"
        f"time.sleep({seconds}); sys.exit(3)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_a_program_may_end_during_a_stream(run: Run) -> None:
    """An open stream and a running thread do not crash the exit, and nothing is printed."""
    done = run(
        BEGIN + "stream = model.stream(STORY); next(stream)\n"
        "threading.Thread(target=model.invoke, args=(STORY,), daemon=True).start()\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(sys.platform != "linux", reason="forks with threads are safe on Linux only")
@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["at once", "while chunks wait"])
def test_a_forked_child_calls_the_model_and_ends_well(run: Run, seconds: float) -> None:
    """The child cannot read the parent's stream; its own call works, and the parent goes on."""
    done = run(
        BEGIN + "stream = model.stream(STORY); next(stream)\n"
        f"time.sleep({seconds})\n"
        "if (pid := os.fork()) == 0:\n"
        "    try: next(stream)\n"
        "    except Exception as error: print(error, flush=True)\n"
        "    print(model.invoke('What is the capital of Japan?', max_tokens=12).text, flush=True)\n"
        "    sys.exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "print(bool(next(stream).text))\n"
        "stream.close()"
    )
    assert done.stdout.splitlines() == [
        "This call belongs to the parent process. In a forked child, call the model again.",
        "The capital of Japan is Tokyo.",
        "7",
        "True",
    ]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals as POSIX has them")
@pytest.mark.parametrize(
    "code",
    ["model.invoke(STORY)", "list(model.stream(STORY))", "asyncio.run(model.ainvoke(STORY))"],
)
def test_ctrl_c_ends_a_call(run: Run, code: str) -> None:
    """The call raises KeyboardInterrupt at once, and the model is idle then."""
    done = run(
        BEGIN + "import asyncio\n"
        "model.invoke('Hi', max_tokens=1)\n"
        "engine = model._engine()\n"
        "def interrupt():\n"
        "    while not engine.calls(): time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=interrupt).start()\n"
        f"try: {code}\n"
        "except KeyboardInterrupt: print('interrupted', engine.calls())"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted 0\n", "")


def test_loading_prints_nothing_and_opens_no_port(run: Run) -> None:
    """No log on stderr, and no address that other users could reach."""
    done = run(
        BEGIN + "model.invoke('Hi', max_tokens=1)\n"
        "print(model._engine()._loaded[0].listening_address.partition(':')[0])"
    )
    expected = "http" if os.name == "nt" else "unix"
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")
