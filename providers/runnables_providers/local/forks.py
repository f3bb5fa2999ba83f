"""Keeps a forked child from touching threads of the runtime that stayed in the parent.

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

_has_parents_runtime = False


def enter_child() -> None:
    """Prepare a forked child; call this first in it."""
    global _has_parents_runtime
    if is_imported() and not _has_parents_runtime:
        _has_parents_runtime = True
        _skip_static_destructors()


def spare(server: Any) -> None:
    """Keep a loaded model that must not be deleted in this process."""
    if _has_parents_runtime:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))


def _skip_static_destructors() -> None:
    """Let this child end with its exit status as soon as Python has finished."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "on_exit"):
        libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)
