"""`runnables serve` serves a chain until it is interrupted, and `runnables graph` draws it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

from tests.cli.commands import PROGRAM, command


def test_a_chain_is_served_under_the_name_of_its_variable(folder: Path) -> None:
    """On this machine, at the given port, with its page, until Ctrl-C, whose exit code it has."""
    serving = [*PROGRAM, "serve", "chains:same", "--port", "0"]
    process = subprocess.Popen(serving, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr as log:
        lines = iter(log.readline, "")
        found = next(match for line in lines if (match := re.search(r"http://127.0.0.1:\d+", line)))
        with urllib.request.urlopen(f"{found[0]}/v1/models") as answer:
            models = json.load(answer)["data"]
        with urllib.request.urlopen(f"{found[0]}/") as answer:
            page = answer.read()
        process.send_signal(signal.SIGINT)
        rest = log.read()
    assert process.wait() == 130
    assert [model["id"] for model in models] == ["same"]
    assert b'<div id="app">' in page
    assert "Traceback" not in rest


def test_runs_outlive_their_readers_where_a_grace_is_given(folder: Path) -> None:
    """A response in the background is asked for later."""
    serving = [*PROGRAM, "serve", "chains:same", "--port", "0", "--grace", "60"]
    process = subprocess.Popen(serving, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr as log:
        lines = iter(log.readline, "")
        found = next(match for line in lines if (match := re.search(r"http://127.0.0.1:\d+", line)))
        url = f"{found[0]}/v1/responses"
        body = json.dumps({"model": "same", "input": "hi", "background": True}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            response = json.load(answer)
        with urllib.request.urlopen(f"{url}/{response['id']}") as answer:
            again = json.load(answer)
        process.send_signal(signal.SIGINT)
        log.read()
    assert process.wait() == 130
    assert (response["background"], again["id"]) == (True, response["id"])


def test_a_chain_is_served_in_the_protocols_that_are_named(folder: Path) -> None:
    """In no others, and without the page, which needs some of them; a typo is refused at once."""
    serving = [*PROGRAM, "serve", "chains:same", "--port", "0", "--protocol", "rest"]
    process = subprocess.Popen(serving, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr as log:
        lines = iter(log.readline, "")
        found = next(match for line in lines if (match := re.search(r"http://127.0.0.1:\d+", line)))
        with urllib.request.urlopen(f"{found[0]}/openapi.json") as answer:
            paths = json.load(answer)["paths"]
        process.send_signal(signal.SIGINT)
        log.read()
    assert process.wait() == 130
    assert "/invoke" in paths and not {"/", "/v1/models", "/api/chat", "/ag-ui"} & set(paths)
    wrong = command(folder, "serve", "chains:same", "--protocol", "rest", "--protocol", "ai-skd")
    assert wrong.returncode == 2
    assert "Did you mean 'ai-sdk'?" in wrong.stderr


def test_an_open_address_needs_the_names_of_the_host(folder: Path) -> None:
    """It is refused before anything listens."""
    done = command(folder, "serve", "chains:same", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "allowed_hosts" in done.stderr


def test_a_chain_is_drawn(folder: Path) -> None:
    """As text, or as Mermaid."""
    assert "input" in command(folder, "graph", "chains:same").stdout
    assert command(folder, "graph", "chains:same", "--format", "mermaid").stdout.startswith(
        "flowchart"
    )
