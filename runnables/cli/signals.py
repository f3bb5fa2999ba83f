"""Signals while a job runs: the first one lets it end, the second one stops it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Generator

    from runnables.jobs.run import JobRun
    from runnables.jobs.text_files import ReadingEnd

_ENDING: Final = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what systems send before they kill a process."""


class Signals:
    """What has come.

    Attributes:
        received: the first signal; None while there was none.
    """

    received: int | None = None


@contextmanager
def first_ends(job: JobRun, reading: ReadingEnd) -> Generator[Signals]:
    """Let the first Ctrl-C, or SIGTERM, finish the rows under way, and the second one stop them.

    A signal that the process ignores, as one that was started by `nohup` does, stays ignored.

    Args:
        job: begins no row any more.
        reading: ends, where rows come by a pipe.

    Raises:
        KeyboardInterrupt: with the number of the second signal.
    """
    signals = Signals()

    def end(number: int, frame: object) -> None:
        signals.received = number
        for each in before:
            signal.signal(each, _stop)
        _say("\nFinishing the rows under way; Ctrl-C again stops them.\n")
        job.stop()
        reading.set()

    before = {each: signal.getsignal(each) for each in _ENDING}
    before = {each: handler for each, handler in before.items() if handler is not signal.SIG_IGN}
    for each in before:
        signal.signal(each, end)
    try:
        yield signals
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt(number)


def _say(text: str) -> None:
    """Write to standard error at once: `print` may be what the signal has interrupted."""
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), text.encode())
