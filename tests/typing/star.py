"""`from runnables import *` gives checkers the public names."""

from typing import assert_type

import runnables
from runnables import *  # noqa: F403 - this is what is pinned

assert_type(StrOutputParser().invoke("x"), str)  # noqa: F405
assert_type(init_chat_model("local"), ChatModel)  # noqa: F405
messages: list[HumanMessage] = [HumanMessage("x")]  # noqa: F405

NO_SUCH_NAME = runnables.NoSuchName  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType,reportUnknownVariableType] - a wrong name is found
