"""Pages of the AI SDK and of AG-UI, as far as a conversation goes: what they keep and send back."""

from __future__ import annotations

import json
from typing import Any

import httpx
from ag_ui.core import Event, RunAgentInput
from pydantic import TypeAdapter

from tests.serving.servers import PATIENCE, events

AG_UI = TypeAdapter[Any](Event)


class Page:
    """A page: it keeps the conversation, and sends all of it with each request.

    Attributes:
        messages: the conversation, as the protocol has it.
        status: the status of the last response.
        body: its body.
    """

    path: str

    def __init__(self, url: str, chain: str) -> None:
        self._url = f"{url}/{chain}{self.path}"
        self.messages: list[Any] = []
        self.status = 0
        self.body = ""

    def say(self, text: str) -> Any:
        """Send a message of the person."""
        raise NotImplementedError

    def waiting(self) -> dict[str, str]:
        """Return the ids of the open requests for approval, by the ids of the calls."""
        raise NotImplementedError

    def answer(self, **answers: bool | str) -> None:
        """Answer open requests, by the ids of their calls, and send the answers."""
        raise NotImplementedError

    def results(self) -> dict[str, str]:
        """Return what became of each call: "done", "error" or "denied"."""
        raise NotImplementedError

    def change(self, call_id: str, **changes: Any) -> None:
        """Change a call in the page: its "name", its "args" or its "id"."""
        raise NotImplementedError

    def text(self) -> str:
        """Return the last text of the model."""
        raise NotImplementedError

    def _post(self, body: Any) -> list[Any]:
        response = httpx.post(self._url, json=body, timeout=PATIENCE)
        self.status, self.body = response.status_code, response.text
        return events(response.text) if response.status_code == 200 else []


class AiSdkPage(Page):
    """A page with `useChat`."""

    path = "/api/chat"

    def say(self, text: str) -> None:
        self.messages.append({"role": "user", "parts": [{"type": "text", "text": text}]})
        self.send()

    def send(self) -> None:
        """Send the conversation as it is, and read the answer."""
        goes_on = self.messages[-1]["role"] == "assistant"
        for frame in self._post({"id": "c", "messages": self.messages}):
            kind = frame["type"]
            if kind == "start":
                assert ("messageId" in frame) != goes_on
                if not goes_on:
                    self.messages.append({"role": "assistant", "parts": []})
            parts = self.messages[-1]["parts"]
            if kind == "start-step":
                parts.append({"type": "step-start"})
            elif kind == "text-start":
                parts.append({"type": "text", "text": ""})
            elif kind == "text-delta":
                parts[-1]["text"] += frame["delta"]
            elif kind == "tool-input-available":
                call = {key: frame[key] for key in ("toolCallId", "toolName", "input")}
                parts.append({"type": "dynamic-tool", "state": "input-available", **call})
            elif kind == "tool-approval-request":
                request = {"id": frame["approvalId"]}
                self._part(frame).update(state="approval-requested", approval=request)
            elif kind == "tool-output-available":
                self._part(frame).update(state="output-available", output=frame["output"])
            elif kind == "tool-output-denied":
                self._part(frame).update(state="output-denied")
            elif kind == "tool-output-error":
                self._part(frame).update(state="output-error", errorText=frame["errorText"])
            else:
                silent = (
                    "start",
                    "text-end",
                    "tool-input-start",
                    "tool-input-delta",
                    "finish-step",
                )
                assert kind in (*silent, "finish"), frame

    def _part(self, frame: Any) -> Any:
        """Return the call of a frame: a page fails where its last message has none."""
        ids = {part.get("toolCallId"): part for part in self.messages[-1]["parts"]}
        return ids[frame["toolCallId"]]

    def _calls(self) -> list[Any]:
        parts = [part for message in self.messages for part in message["parts"]]
        return [part for part in parts if part["type"] == "dynamic-tool"]

    def waiting(self) -> dict[str, str]:
        asked = [part for part in self._calls() if part["state"] == "approval-requested"]
        return {part["toolCallId"]: part["approval"]["id"] for part in asked}

    def answer(self, **answers: bool | str) -> None:
        for part in self._calls():
            if (answer := answers.get(part["toolCallId"])) is not None:
                reason = {"reason": answer} if isinstance(answer, str) else {}
                part["approval"] = {**part["approval"], "approved": answer is True, **reason}
                part["state"] = "approval-responded"
        self.send()

    def results(self) -> dict[str, str]:
        kinds = {"output-available": "done", "output-error": "error", "output-denied": "denied"}
        return {part["toolCallId"]: kinds.get(part["state"], "open") for part in self._calls()}

    def change(self, call_id: str, **changes: Any) -> None:
        names = {"name": "toolName", "args": "input", "id": "toolCallId"}
        part = next(part for part in self._calls() if part["toolCallId"] == call_id)
        part.update({names[key]: value for key, value in changes.items()})

    def text(self) -> str:
        return str(self.messages[-1]["parts"][-1].get("text"))


class AgUiPage(Page):
    """A page of AG-UI; all that it sends and gets fits the models of the protocol's package."""

    path = "/ag-ui"

    def __init__(self, url: str, chain: str) -> None:
        super().__init__(url, chain)
        self.interrupts: list[Any] = []

    def say(self, text: str) -> None:
        self.interrupts = []  # as after a reload: the client itself would wait for the answers
        self.messages.append({"id": f"m{len(self.messages)}", "role": "user", "content": text})
        self.send()

    def send(self, resume: Any = None) -> None:
        """Send the conversation as it is, and read the answer."""
        body = {"threadId": "t", "runId": f"r{len(self.messages)}", "protocolVersion": "1.0",
                "messages": self.messages, "state": {}, "tools": [], "context": [],
                "forwardedProps": {}}  # fmt: skip
        body |= {} if resume is None else {"resume": resume}
        RunAgentInput.model_validate(body)
        for event in self._post(body):
            AG_UI.validate_python(event)
            match event["type"]:
                case "TEXT_MESSAGE_START":
                    answer = {"id": event["messageId"], "role": "assistant", "content": ""}
                    self.messages.append(answer)
                case "TEXT_MESSAGE_CONTENT":
                    self.messages[-1]["content"] += event["delta"]
                case "TOOL_CALL_START":
                    function = {"name": event["toolCallName"], "arguments": ""}
                    call = {"id": event["toolCallId"], "type": "function", "function": function}
                    if event.get("parentMessageId") != self.messages[-1]["id"]:
                        answer = {"id": event["toolCallId"], "role": "assistant", "toolCalls": []}
                        self.messages.append(answer)
                    self.messages[-1].setdefault("toolCalls", []).append(call)
                case "TOOL_CALL_ARGS":
                    self._call(event["toolCallId"])["function"]["arguments"] += event["delta"]
                case "TOOL_CALL_RESULT":
                    fields = {key: event[key] for key in ("toolCallId", "content")}
                    self.messages.append({"id": event["messageId"], "role": "tool", **fields})
                case "RUN_FINISHED":
                    outcome = event.get("outcome", {})
                    self.interrupts = outcome.get("interrupts", [])
                case _:
                    pass

    def _calls(self) -> list[Any]:
        return [call for message in self.messages for call in message.get("toolCalls", ())]

    def _call(self, call_id: str) -> Any:
        return next(call for call in reversed(self._calls()) if call["id"] == call_id)

    def waiting(self) -> dict[str, str]:
        return {interrupt["toolCallId"]: interrupt["id"] for interrupt in self.interrupts}

    def answer(self, **answers: bool | str) -> None:
        resume: list[Any] = []
        for interrupt in self.interrupts:
            answer = answers.get(interrupt["toolCallId"])
            head = {"interruptId": interrupt["id"]}
            if answer is None or answer is False:
                resume.append({**head, "status": "cancelled"})
            else:
                reason = {} if answer is True else {"reason": answer}
                payload = {"approved": answer is True, **reason}
                resume.append({**head, "status": "resolved", "payload": payload})
        self.send(resume)

    def results(self) -> dict[str, str]:
        found = {call["id"]: "open" for call in self._calls()}
        for message in self.messages:
            if message["role"] == "tool":
                denied = "was denied" in message["content"]
                found[message["toolCallId"]] = "denied" if denied else "done"
        return found

    def change(self, call_id: str, **changes: Any) -> None:
        call = self._call(call_id)
        if "args" in changes:
            call["function"]["arguments"] = json.dumps(changes["args"])
        call["function"]["name"] = changes.get("name", call["function"]["name"])
        call["id"] = changes.get("id", call["id"])

    def text(self) -> str:
        return str(self.messages[-1].get("content"))
