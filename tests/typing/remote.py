"""The types of chains that run elsewhere."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

from runnables import Runnable, RunnableLambda
from runnables_providers.remote import RemoteRunnable


class Answer(BaseModel):
    text: str


plain = RemoteRunnable("http://localhost/c", api_key="none")
assert_type(plain, RemoteRunnable[Any, Any])
assert_type(plain.invoke({"a": 1}), Any)

typed = RemoteRunnable("http://localhost/c", input_type=str, output_type=Answer)
assert_type(typed, RemoteRunnable[str, Answer])
assert_type(typed.invoke("a"), Answer)
assert_type(typed.batch(["a"]), list[Answer])

output_only = RemoteRunnable("http://localhost/c", output_type=Answer)
assert_type(output_only.invoke(3), Answer)


def text_of(answer: Answer) -> str:
    return answer.text


chain: Runnable[str, str] = typed | RunnableLambda(text_of)
declared: RemoteRunnable[int, float] = RemoteRunnable("http://localhost/c", merge="last")
