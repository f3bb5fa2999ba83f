"""Tests of files that may not be written, also where they run as root, who may write everything."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OTHER_USER = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be another user than root."""
    if os.geteuid():
        yield
        return
    os.seteuid(OTHER_USER)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def unprivileged_folder() -> Iterator[Path]:
    """Yield a folder of that user, who cannot enter the folders above `tmp_path`."""
    folder = Path(tempfile.mkdtemp())
    if not os.geteuid():
        os.chown(folder, OTHER_USER, -1)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)
