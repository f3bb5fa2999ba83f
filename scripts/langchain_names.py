"""Write the public names of LangChain's installed packages, which tests and docs answer for.

    python -m scripts.langchain_names langchain_core langchain.chains langchain.memory ...

Run it with a Python that has them installed. It adds to `langchain_names.json`, which has, for
each package with its version, the names of each public module: those of `__all__`, or else those
that the module defines.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).with_suffix(".json")


def all_names() -> dict[str, set[str]]:
    """Return the committed names: for each module, those of all versions."""
    names: dict[str, set[str]] = {}
    for modules in json.loads(DATA.read_text()).values():
        for module, listed in modules.items():
            names.setdefault(module, set()).update(listed.split())
    return names


def names_of(module: Any) -> list[str]:
    """Return the public names of a module, in order.

    Args:
        module: the module.
    """
    names = getattr(module, "__all__", None)
    if names is None:
        names = [name for node in ast.parse(_source(module)).body for name in _defined(node)]
    return sorted({name for name in names if not name.startswith("_") and name != "logger"})


def _source(module: Any) -> str:
    try:
        return inspect.getsource(module)
    except OSError:  # an empty file
        return ""


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def collected(package: str) -> dict[str, str]:
    """Return the names of a package and of the modules in it, by module.

    Args:
        package: its name; with a dot, only that module.
    """
    root = importlib.import_module(package)
    modules = {package: root}
    if "." not in package:
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not any(part.startswith("_") for part in found.name.split(".")):
                try:
                    modules[found.name] = importlib.import_module(found.name)
                except ImportError:  # it needs a package that is not installed
                    continue
    names = {name: " ".join(names_of(module)) for name, module in modules.items()}
    return {name: listed for name, listed in names.items() if listed}


def main() -> None:
    """Read the command line."""
    warnings.simplefilter("ignore")
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    for package in sys.argv[1:]:
        distribution = package.partition(".")[0].replace("_", "-")
        entry = data.setdefault(f"{distribution} {version(distribution)}", {})
        entry.update(collected(package))
    DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
