"""The engine: cancellation, slots, worker threads, fan-out, timeouts, streams and their merges."""

from runnables.engine.bridge import AsyncIteratorBridge, iterate_in_threads
from runnables.engine.cancellation import (
    Cancelled,
    is_cancelled,
    lock,
    on_cancel,
    raise_if_cancelled,
)
from runnables.engine.collect import (
    MISSING,
    AsyncSingleValue,
    SingleValue,
    acollect,
    collect,
    single_value,
)
from runnables.engine.interleave import (
    ainterleave,
    arun_in_background,
    interleave,
    run_in_background,
)
from runnables.engine.slots import DEFAULT_LIMIT, Slots, check_limit
from runnables.engine.stream import (
    AsyncStream,
    Stream,
    StreamInfo,
    aclose,
    close,
    merge_of,
    raw_iterator,
    stream_may_restart,
)
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.tee import AsyncTee, Tee
from runnables.engine.thread_calls import from_thread, in_worker_thread, to_thread
from runnables.engine.thread_fan_out import ThreadFanOut
from runnables.engine.timeouts import (
    AsyncWakeup,
    Expired,
    Wakeup,
    arun_with_timeout,
    async_sleep,
    run_with_timeout,
    sleep,
)
from runnables.engine.worker_pool import run_in_worker

__all__ = [
    "DEFAULT_LIMIT",
    "MISSING",
    "AsyncIteratorBridge",
    "AsyncSingleValue",
    "AsyncStream",
    "AsyncTee",
    "AsyncWakeup",
    "Cancelled",
    "Expired",
    "SingleValue",
    "Slots",
    "Stream",
    "StreamInfo",
    "TaskFanOut",
    "Tee",
    "ThreadFanOut",
    "Wakeup",
    "aclose",
    "acollect",
    "ainterleave",
    "arun_in_background",
    "arun_with_timeout",
    "async_sleep",
    "check_limit",
    "close",
    "collect",
    "from_thread",
    "in_worker_thread",
    "interleave",
    "is_cancelled",
    "iterate_in_threads",
    "lock",
    "merge_of",
    "on_cancel",
    "raise_if_cancelled",
    "raw_iterator",
    "run_in_background",
    "run_in_worker",
    "run_with_timeout",
    "single_value",
    "sleep",
    "stream_may_restart",
    "to_thread",
]
