"""How work runs: cancellation, permits, worker threads, fan-out, timeouts, streams."""

from runnables.engine.bridge import AsyncIteratorBridge, iterate_in_threads
from runnables.engine.cancellation import (
    Cancelled,
    CancelToken,
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
from runnables.engine.fan_out import CLOSE_GRACE, NO_RESULT, SHUTDOWN_GRACE
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
from runnables.engine.task_fan_out import TaskFanOut, cancel_all, shielded
from runnables.engine.tee import AsyncTee, Tee
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
from runnables.engine.worker_threads import (
    copy_back,
    from_thread,
    in_worker_thread,
    run_in_worker,
    to_thread,
)

__all__ = [
    "MISSING",
    "CLOSE_GRACE",
    "DEFAULT_LIMIT",
    "NO_RESULT",
    "SHUTDOWN_GRACE",
    "AsyncSingleValue",
    "AsyncTee",
    "AsyncWakeup",
    "AsyncStream",
    "Wakeup",
    "Cancelled",
    "StreamInfo",
    "Expired",
    "AsyncIteratorBridge",
    "SingleValue",
    "Slots",
    "CancelToken",
    "Stream",
    "TaskFanOut",
    "Tee",
    "ThreadFanOut",
    "arun_in_background",
    "aclose",
    "acollect",
    "copy_back",
    "ainterleave",
    "run_in_background",
    "async_sleep",
    "arun_with_timeout",
    "from_thread",
    "cancel_all",
    "is_cancelled",
    "check_limit",
    "raise_if_cancelled",
    "close",
    "collect",
    "single_value",
    "shielded",
    "in_worker_thread",
    "to_thread",
    "iterate_in_threads",
    "run_in_worker",
    "raw_iterator",
    "interleave",
    "lock",
    "stream_may_restart",
    "merge_of",
    "sleep",
    "on_cancel",
    "run_with_timeout",
]
