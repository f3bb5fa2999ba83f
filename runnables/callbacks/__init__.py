"""Handlers with a method for each event, as LangChain has them, over the one `on_event`."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.callbacks.async_handlers import AsyncCallbackHandler
    from runnables.callbacks.handlers import BaseCallbackHandler
    from runnables.callbacks.std_out import StdOutCallbackHandler, StreamingStdOutCallbackHandler
    from runnables.callbacks.tracer import (
        BaseTracer,
        Run,
        RunCollectorCallbackHandler,
        collect_runs,
    )
    from runnables.callbacks.usage import (
        OpenAICallbackHandler,
        UsageMetadataCallbackHandler,
        get_openai_callback,
        get_usage_metadata_callback,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.callbacks.async_handlers": "AsyncCallbackHandler",
            "runnables.callbacks.handlers": "BaseCallbackHandler",
            "runnables.callbacks.std_out": "StdOutCallbackHandler StreamingStdOutCallbackHandler",
            "runnables.callbacks.tracer": "BaseTracer Run RunCollectorCallbackHandler collect_runs",
            "runnables.callbacks.usage": (
                "OpenAICallbackHandler UsageMetadataCallbackHandler get_openai_callback "
                "get_usage_metadata_callback"
            ),
        },
    )

__all__ = [
    "AsyncCallbackHandler",
    "BaseCallbackHandler",
    "BaseTracer",
    "OpenAICallbackHandler",
    "Run",
    "RunCollectorCallbackHandler",
    "StdOutCallbackHandler",
    "StreamingStdOutCallbackHandler",
    "UsageMetadataCallbackHandler",
    "collect_runs",
    "get_openai_callback",
    "get_usage_metadata_callback",
]
