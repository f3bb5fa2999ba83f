"""The chain that a name on the command line stands for, such as "translate:chain"."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_to_runnable
from runnables.errors import ConfigError, RunnablesError, did_you_mean

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable


def check_target(target: str) -> None:
    """Refuse what names no variable of a module.

    Raises:
        ConfigError: says what is expected.
    """
    module_name, _, path = target.rpartition(":")
    if not module_name or not path:
        raise ConfigError(f"{target!r}: expected module:variable, such as translate:chain")


def load(target: str) -> Runnable[Any, Any]:
    """Return the chain of a name such as "translate:chain": a module, or a file, and a variable.

    The current folder is searched first. A function without parameters is called: it makes the
    chain.

    Raises:
        ConfigError: there is no such module or variable, or it is nothing that runs; or the module
            cannot be imported.
    """
    check_target(target)
    module_name, _, path = target.rpartition(":")
    found: Any = _imported(module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{module_name!r} has no {path!r}.{_hint(found, part)}")
        found = getattr(found, part)
    if _makes_chain(found):
        found = _guarded(f"{target!r} could not make its chain", found)
    try:
        return coerce_to_runnable(found)
    except TypeError as error:
        raise ConfigError(f"{target!r} is nothing that runs: {error}") from None


def load_by_name(targets: Iterable[str]) -> dict[str, Runnable[Any, Any]]:
    """Return the chains of several names, by their variables.

    Raises:
        ConfigError: as for `load`; or two variables have one name.
    """
    found: dict[str, Runnable[Any, Any]] = {}
    for target in targets:
        variable = target.rpartition(":")[2]
        if variable in found:
            raise ConfigError(f"Two of the chains are called {variable!r}. Rename a variable.")
        found[variable] = load(target)
    return found


def _imported(module_name: str) -> ModuleType:
    folder, name = os.getcwd(), module_name
    if module_name.endswith(".py"):
        path = Path(module_name).absolute()
        if not path.is_file():
            raise ConfigError(f"There is no file {module_name!r} here, in {folder!r}")
        folder, name = str(path.parent), path.stem
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{module_name!r} is no module.{_instead(module_name)}")
    sys.path.insert(0, folder)
    try:
        found: ModuleType = _guarded(
            f"{module_name!r} cannot be imported", importlib.import_module, name
        )
    except ModuleNotFoundError as error:
        if error.name is not None and (error.name == name or name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"There is no module {name!r} here, in {folder!r}{_instead(module_name)}"
            ) from None
        raise ConfigError(
            f"{module_name!r} cannot be imported: there is no module {error.name!r}, which it "
            "imports. Is it installed in the environment of this command?"
        ) from None
    _refuse_another(found, Path(folder, *name.split(".")))
    return found


def _guarded(what: str, function: Any, *arguments: Any) -> Any:
    """Call a function of the user's; its error becomes one that says where it was."""
    try:
        return function(*arguments)
    except (ModuleNotFoundError, RunnablesError):
        raise
    except SystemExit:
        raise ConfigError(
            f"{what}: it ends the program. Put what it runs under `if __name__ == '__main__':`."
        ) from None
    except Exception as error:
        raise ConfigError(f"{what}: {type(error).__name__}: {error}{_place(error)}") from None


def _place(error: Exception) -> str:
    """Return where an error was raised: the file and the line."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) or not frames:  # it says so itself
        return ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def _instead(module_name: str) -> str:
    """Return what may have been meant, as a sentence."""
    if "/" in module_name and Path(f"{module_name}.py").is_file():
        return f". Did you mean '{module_name}.py'?"
    return ""


def _refuse_another(module: ModuleType, here: Path) -> None:
    """Refuse a module that was loaded before, and is not the file of the user's of that name."""
    file = here.with_suffix(".py")
    origin = getattr(module, "__file__", None)
    if file.is_file() and (origin is None or not Path(origin).exists()):
        origin = "Python itself"
    elif not file.is_file() or origin is None or file.samefile(origin):
        return
    raise ConfigError(f"{file.name!r} has the name of another module, that of {origin}: rename it.")


def _hint(found: Any, part: str) -> str:
    names = [name for name in dir(found) if not name.startswith("_")]
    return did_you_mean(part, names) or _chains(found)


def _chains(module: Any) -> str:
    """Return which variables are chains, where there are any."""
    from runnables.compose.runnable import Runnable

    variables: dict[str, Any] = getattr(module, "__dict__", {})
    names = [name for name, value in variables.items() if isinstance(value, Runnable)]
    names = [name for name in names if not name.startswith("_")]
    return f" It has {', '.join(names[:5])}." if names else ""


def _makes_chain(found: Any) -> bool:
    """Tell whether it is a function that takes nothing, so no step: it makes the chain."""
    if not isinstance(found, FunctionType) or inspect.iscoroutinefunction(found):
        return False
    return not inspect.isgeneratorfunction(found) and not inspect.signature(found).parameters
