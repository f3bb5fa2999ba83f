"""How work runs: cancellation, permits, worker threads, fan-out, timeouts, streams."""

from runnables.engine.bridge import FromHome, in_threads
from runnables.engine.cancellation import Cancelled, Stop, cancelled, check_stop, lock, on_stop
from runnables.engine.collect import ABSENT, AOnce, Once, acollect, collect, given
from runnables.engine.fan_out import CLOSING_GRACE, DONE, GRACE
from runnables.engine.interleave import aalongside, ainterleave, alongside, interleave
from runnables.engine.slots import DEFAULT_LIMIT, Slots, check_limit
from runnables.engine.stream import (
    AsyncStream,
    Declared,
    Stream,
    aclose,
    close,
    inner,
    may_restart,
    merge_of,
)
from runnables.engine.task_fan_out import TaskFanOut, cancel_all, go_through
from runnables.engine.tee import ATee, Tee
from runnables.engine.thread_fan_out import ThreadFanOut
from runnables.engine.timeouts import (
    AsyncBell,
    Bell,
    Expired,
    anap,
    arun_with_timeout,
    nap,
    run_with_timeout,
)
from runnables.engine.worker_threads import adopt, at_home, has_home, hop, in_worker

__all__ = [
    "ABSENT",
    "CLOSING_GRACE",
    "DEFAULT_LIMIT",
    "DONE",
    "GRACE",
    "AOnce",
    "ATee",
    "AsyncBell",
    "AsyncStream",
    "Bell",
    "Cancelled",
    "Declared",
    "Expired",
    "FromHome",
    "Once",
    "Slots",
    "Stop",
    "Stream",
    "TaskFanOut",
    "Tee",
    "ThreadFanOut",
    "aalongside",
    "aclose",
    "acollect",
    "adopt",
    "ainterleave",
    "alongside",
    "anap",
    "arun_with_timeout",
    "at_home",
    "cancel_all",
    "cancelled",
    "check_limit",
    "check_stop",
    "close",
    "collect",
    "given",
    "go_through",
    "has_home",
    "hop",
    "in_threads",
    "in_worker",
    "inner",
    "interleave",
    "lock",
    "may_restart",
    "merge_of",
    "nap",
    "on_stop",
    "run_with_timeout",
]
