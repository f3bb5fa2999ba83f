"""What can be known of a function before it is called."""

from __future__ import annotations

import collections.abc as abc
import functools
import inspect
import typing
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args, get_origin

from runnables.core.user_code import user_config
from runnables.core.values import show
from runnables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import CodeType

    from runnables.core.config import Scope


Method = TypeVar("Method", bound="Callable[..., Any]")


def arguments(
    function: Callable[..., Any], scope: Scope | None, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """What a function gets beside its input.

    Raises:
        ConfigError: an option that it does not take.
    """
    if kwargs:
        _check_options(function, kwargs)
    if not takes_config(function):
        return kwargs
    return {"config": user_config(scope), **kwargs}


def _check_options(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Refuse what the function does not take: no other try would mend it."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return
    if any(it.kind is inspect.Parameter.VAR_KEYWORD for it in known.values()):
        return
    for name in options:
        if name not in known:
            raise ConfigError(
                f"{show(function)} takes no option {name!r}.{did_you_mean(name, known)}"
            )


def is_plain(function: Callable[..., Any] | None) -> bool:
    """Whether a function takes nothing but its input and gives its result at once."""
    return not (function is None or is_generator(function) or takes_config(function))


def can_take(function: object, count: int) -> bool:
    """Whether this can be called with so many values and nothing else, as far as one can see."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*[None] * count)
    except ValueError:  # some built-in functions have no signature
        return True
    except TypeError:
        return False
    return True


@functools.lru_cache(maxsize=4096)
def _takes_config(function: Callable[..., Any]) -> bool:
    try:
        return "config" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False


def checks_keywords(method: Method) -> Method:
    """A method or function whose unknown keywords are refused with the near name.

    It keeps its signature. An `__init__` knows those of the classes above and below, too, and
    names the class that is made.

    Raises:
        ConfigError: when it is called with one; names it, the near one and those that are known.
    """
    code: CodeType = cast("Any", method).__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    known = [name for name in names if name != "self"]

    @functools.wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                if method.__name__ != "__init__":
                    raise unknown_option(method.__name__, name, known)
                made: object = args[0]
                raise unknown_option(type(made).__name__, name, setting_names(type(made)))
        return method(*args, **kwargs)

    return cast("Method", checked)


def setting_names(made: type) -> list[str]:
    """What a class can be made with, by name: its keywords, and those that bases take of it."""
    names: dict[str, None] = {}
    for maker in [vars(it)["__init__"] for it in made.__mro__[:-1] if "__init__" in vars(it)]:
        parameters = [*inspect.signature(maker).parameters.values()][1:]  # without self
        kinds = {it.kind for it in parameters}
        names.update((it.name, None) for it in parameters if it.kind not in _VARIADIC)
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return list(names)


_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

_INSTEAD: Final[Mapping[str, tuple[str, str]]] = {
    # what other libraries take, with what stands for it here and where it must be known
    "callbacks": ("", "Handlers go into the config: with_config(callbacks=[...])."),
    "streaming": ("", "Every model streams: call `stream`."),
    "model_kwargs": ("extra_body", "What its service takes beyond goes into extra_body={...}."),
    "chunk_size": ("max_batch_size", "max_batch_size says how many texts are sent at once."),
}


def unknown_option(owner: str, name: str, known: Collection[str]) -> ConfigError:
    """The error for an option or setting that there is not: with the near name, or the way out.

    Args:
        owner: who was given it.
        name: the option.
        known: those that there are.
    """
    needed, instead = _INSTEAD.get(name, ("", ""))
    fits = instead and (not needed or needed in known)
    hint = f" {instead}" if fits else did_you_mean(name, known)
    return ConfigError(f"{owner} has no option {name!r}.{hint} Known: {', '.join(known)}.")


def takes_config(function: Callable[..., Any]) -> bool:
    """Whether a function has a parameter named `config`."""
    try:
        return _takes_config(function)
    except TypeError:  # an unhashable callable object
        return _takes_config.__wrapped__(function)


def getter_keys(function: object) -> tuple[str, ...]:
    """The keys of an `operator.itemgetter` of texts; none for anything else."""
    if not isinstance(function, itemgetter):
        return ()
    pickled: Any = function.__reduce__()  # it shows them nowhere else
    keys: tuple[Any, ...] = pickled[1]
    return keys if all(isinstance(key, str) for key in keys) else ()


def target(function: Any) -> Any:
    """What really runs when this is called: behind partials and objects with `__call__`."""
    while type(function) is functools.partial:
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return getattr(function, "__call__", function)  # noqa: B004 - the method itself is wanted


def is_async(function: object) -> bool:
    """Whether a call of this gives something to await, or to iterate with `async for`."""
    it = target(function)
    return inspect.iscoroutinefunction(it) or inspect.isasyncgenfunction(it)


def is_generator(function: object) -> bool:
    """Whether it is a generator function, of either colour."""
    it = target(function)
    return inspect.isgeneratorfunction(it) or inspect.isasyncgenfunction(it)


def types_of(runnable: object) -> tuple[Any, Any]:
    """The two type arguments of a runnable: `RunnableBranch[int, str](...)`, or its class's.

    Any where there are none.
    """
    called = get_args(getattr(runnable, "__orig_class__", None))
    if len(called) == 2:
        return _known(called[0]), _known(called[1])
    for base in inspect.getmro(type(runnable)):
        for generic in getattr(base, "__orig_bases__", ()):
            given = get_args(generic)
            origin = get_origin(generic)
            if len(given) == 2 and getattr(origin, "run_type", None) is not None:
                return _known(given[0]), _known(given[1])
    return Any, Any


def _known(annotation: Any) -> Any:
    return Any if isinstance(annotation, (TypeVar, str)) else annotation


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, as far as they can be read; never an error."""
    target: Any = function
    if inspect.isclass(function):
        target = function.__init__
    elif not inspect.isroutine(function):
        target = getattr(function, "func", None) or getattr(type(function), "__call__", function)  # noqa: B004 - the method itself is wanted
    if not getattr(target, "__annotations__", None):
        return {}
    try:
        return typing.get_type_hints(target)
    except Exception:  # annotations are any code at all, also names that exist only for checkers
        return {}


def argument_type(function: Callable[..., Any]) -> Any:
    """The annotated type of a function's first parameter, else Any."""
    hints = hints_of(function)
    if not hints:
        return Any
    try:
        names = [name for name in inspect.signature(function).parameters if name != "self"]
    except (TypeError, ValueError):  # some built-in functions have no signature
        return Any
    return hints.get(names[0], Any) if names else Any


def result_type(function: Callable[..., Any]) -> Any:
    """The annotated type of what a function gives, whole; of a generator, what it yields.

    Of an awaitable, or of a runnable that it returns to be run, it is what comes out of that.
    """
    annotation = hints_of(function).get("return", Any)
    if inspect.isclass(function):
        return Any
    origin, arguments = get_origin(annotation), get_args(annotation)
    if is_generator(function):
        return chunk_type(annotation)
    if origin in _AWAITED or hasattr(origin or annotation, "run_type"):
        return _known(arguments[-1]) if arguments else Any
    return annotation


def chunk_type(annotation: Any) -> Any:
    """Of an annotated iterator, of either colour, what it gives; else Any."""
    arguments = get_args(annotation) if get_origin(annotation) in _YIELDING else ()
    return _known(arguments[0]) if arguments else Any


_YIELDING = (
    abc.Iterator,
    abc.Iterable,
    abc.Generator,
    abc.AsyncIterator,
    abc.AsyncIterable,
    abc.AsyncGenerator,
)
_AWAITED = (abc.Awaitable, abc.Coroutine)
