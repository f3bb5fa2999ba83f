"""What a forked child must leave alone: threads of the runtime that stayed in the parent.

The runtime keeps a few threads for the whole process. A child has their handles, but not the
threads, and joining one of them aborts the process; deleting a loaded model joins them, and so do
the runtime's destructors at exit. So a child neither deletes a model nor runs the destructors.
Loading one anew, and calling it, works.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from runnables_providers.local.runtime import is_imported

_orphaned = False


def enter_child() -> None:
    """Called first thing in a forked child."""
    global _orphaned
    if is_imported() and not _orphaned:
        _orphaned = True
        _skip_static_destructors()


def spare(server: Any) -> None:
    """Keep what must not be deleted here for as long as the process lives."""
    if _orphaned:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))


def _skip_static_destructors() -> None:
    """Let this child end with its exit status, once Python has finished, and nothing more."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "on_exit"):
        libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)
