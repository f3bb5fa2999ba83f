"""How this package was installed, and the command that adds an optional part to it.

Loaded when a part is missing.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from runnables.errors import MissingExtra

_NAME: Final = "runnables"


def missing_extra(what: str, package: str, extra: str) -> MissingExtra:
    """Return the error for a missing optional package, with the command that installs it here.

    Args:
        what: the part that needs the package, as the subject of a sentence.
        package: the name of the package that could not be imported.
        extra: the extra of this distribution that includes it.
    """
    return MissingExtra(
        f"{what} needs the package {package!r}, which is not installed. "
        f"Install it with: {install_command(extra, package)}"
    )


def missing_package(what: str, package: str) -> MissingExtra:
    """Return the error for a missing package that is in no extra of this distribution."""
    try:
        installer = _name_in(metadata.distribution(_NAME))
    except metadata.PackageNotFoundError:
        installer = ""
    return MissingExtra(
        f"{what} needs the package {package!r}, which is not installed. "
        f"Install it with: {_installer(installer)} {package}"
    )


def install_command(extra: str, package: str) -> str:
    """Return the command that installs an extra, for how this package was installed.

    Args:
        extra: the extra of this distribution.
        package: the package in it, for where the extra itself cannot be installed: this package
            is on the path, and was not installed, or what it was installed from is gone.
    """
    try:
        distribution = metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        return f"{_installer('')} {package}"
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    installer = _name_in(distribution)
    if installer == "conda":
        return f"conda install -c conda-forge {package}"
    if installer == "uv" and _is_project(origin):
        return f"uv sync --extra {extra}"
    requirement = _requirement(origin, extra)
    return f"{_installer(installer)} {package if requirement is None else requirement}"


def _name_in(distribution: metadata.Distribution) -> str:
    """Return the name of the program that has installed a distribution (PEP 376)."""
    words = (distribution.read_text("INSTALLER") or "").split()
    return words[0] if words else "pip"  # poetry writes its version, too


def _installer(name: str) -> str:
    """Return the command of an installer, without what it installs."""
    prefix = Path(sys.prefix)
    if prefix.parent.name == "venvs" and "pipx" in prefix.parts:
        return f"pipx inject {prefix.name}"
    if name == "uv":
        return "uv add" if (prefix.parent / "uv.lock").exists() else "uv pip install"
    return f"{name} add" if name in ("poetry", "pdm") else "pip install"


def _requirement(origin: dict[str, Any], extra: str) -> str | None:
    """Return what to install, for the shell; None where it is gone.

    Args:
        origin: where this package was installed from, as PEP 610 describes it; {}: an index.
        extra: the extra of this distribution.
    """
    url = str(origin.get("url", ""))
    if not url:
        return f'"{_NAME}[{extra}]"'
    if "vcs_info" in origin:
        source = origin["vcs_info"]
        revision = source.get("requested_revision")
        at = f"@{revision}" if revision else ""
        return f'"{_NAME}[{extra}] @ {source["vcs"]}+{url}{at}"'
    path = _path_of(url)
    if path is None:
        return f'"{_NAME}[{extra}] @ {url}"'
    if not path.exists():
        return None
    if "dir_info" not in origin:
        return f'"{_NAME}[{extra}] @ {url}"'
    return f'{"-e " if origin["dir_info"].get("editable") else ""}"{path}[{extra}]"'


def _path_of(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _is_project(origin: dict[str, Any]) -> bool:
    """Tell whether this environment is that of a checkout of this package, which uv manages."""
    path = _path_of(str(origin.get("url", "")))
    if path is None or not origin.get("dir_info", {}).get("editable"):
        return False
    return (path / "uv.lock").exists() and Path(sys.prefix).parent == path
