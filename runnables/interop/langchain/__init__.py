"""LangChain's objects as ours, and ours as LangChain's."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.interop.langchain.convert import from_langchain, to_langchain
else:
    __getattr__, __dir__ = lazy_names(
        __name__, {"runnables.interop.langchain.convert": "from_langchain to_langchain"}
    )

__all__ = ["from_langchain", "to_langchain"]
