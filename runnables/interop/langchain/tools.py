"""Tools of LangChain as ours, and ours as LangChain's."""

from runnables.interop.langchain.tools_in import from_theirs
from runnables.interop.langchain.tools_out import to_theirs

__all__ = ["from_theirs", "to_theirs"]
