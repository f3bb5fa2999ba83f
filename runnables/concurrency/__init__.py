"""Threads and tasks: signals, slots, worker threads, bounded fan-out. (The other room: streams.)"""

from runnables.concurrency.items import CLOSING_GRACE, DONE, GRACE
from runnables.concurrency.slots import DEFAULT_LIMIT, Slots, check_limit
from runnables.concurrency.stopping import Cancelled, Stop, cancelled, check_stop, lock, on_stop
from runnables.concurrency.tasks import TaskFanOut, cancel_all, go_through
from runnables.concurrency.threads import ThreadFanOut
from runnables.concurrency.waiting import (
    AsyncBell,
    Bell,
    Expired,
    anap,
    arun_with_timeout,
    nap,
    run_with_timeout,
)
from runnables.concurrency.workers import adopt, at_home, has_home, hop, in_worker

__all__ = [
    "CLOSING_GRACE",
    "DEFAULT_LIMIT",
    "DONE",
    "GRACE",
    "AsyncBell",
    "Bell",
    "Cancelled",
    "Expired",
    "Slots",
    "Stop",
    "TaskFanOut",
    "ThreadFanOut",
    "adopt",
    "anap",
    "arun_with_timeout",
    "at_home",
    "cancel_all",
    "cancelled",
    "check_limit",
    "check_stop",
    "go_through",
    "has_home",
    "hop",
    "in_worker",
    "lock",
    "nap",
    "on_stop",
    "run_with_timeout",
]
