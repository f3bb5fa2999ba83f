"""Handlers that print, under the names of LangChain's. `ConsoleHandler` shows more."""

from __future__ import annotations

import sys
from typing import Any

from runnables.callbacks.handlers import BaseCallbackHandler


class StdOutCallbackHandler(BaseCallbackHandler):
    """A handler that prints the start and the end of each chain, and what tools return.

    Args:
        color: not used.

    Example:
        >>> RunnableLambda(len).invoke("abc", {"callbacks": [StdOutCallbackHandler()]})
        > Entering new len chain...
        > Finished chain.
        3
    """

    def __init__(self, color: str | None = None) -> None:
        self.color = color

    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **kwargs: Any) -> None:
        """Print the name of the chain."""
        print(f"> Entering new {serialized['name']} chain...")

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        """Print that it is done."""
        print("> Finished chain.")

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        """Print what the tool has returned."""
        print(getattr(output, "text", output))


class StreamingStdOutCallbackHandler(BaseCallbackHandler):
    """A handler that prints the answers of models as they come, also of those that are invoked.

    Example:
        >>> model = FakeListChatModel(["Ahoy!"])
        >>> answer = model.invoke("Hello", {"callbacks": [StreamingStdOutCallbackHandler()]})
        Ahoy!
    """

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        """Print the chunk."""
        sys.stdout.write(token)
        sys.stdout.flush()
