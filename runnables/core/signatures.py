"""Facts about a function that can be known before it is called: its options and its types."""

from __future__ import annotations

import collections.abc as abc
import functools
import inspect
import math
import sys
import typing
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, ForwardRef, TypeVar, cast, get_args, get_origin

from runnables.core.options import option_hint, unknown_option
from runnables.core.user_code import user_config
from runnables.core.values import show
from runnables.core.weak_cache import weak_cache
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import CodeType, FrameType

    from runnables.core.config import Scope


Method = TypeVar("Method", bound="Callable[..., Any]")


def arguments(
    function: Callable[..., Any], scope: Scope | None, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the keyword arguments that a function receives with its input.

    Raises:
        ConfigError: an option that the function does not take.
    """
    if kwargs:
        _check_options(function, kwargs)
    if not takes_config(function):
        return kwargs
    return {"config": user_config(scope), **kwargs}


def _check_options(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Refuse an option that the function does not take; a retry would not help."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values()):
        return
    for name in options:
        if name not in known:
            raise ConfigError(
                f"{show(function)} takes no option {name!r}.{option_hint(name, known)}"
            )


def is_plain(function: Callable[..., Any] | None) -> bool:
    """Tell whether a function takes nothing but its input and is no generator."""
    return not (function is None or is_generator(function) or takes_config(function))


def can_take(function: object, count: int) -> bool:
    """Tell whether this can be called with `count` values, as far as its signature shows."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*[None] * count)
    except ValueError:  # some built-in functions have no signature
        return True
    except TypeError:
        return False
    return True


def one_value_lacks(function: Any) -> str:
    """Return the parameters of a function that cannot be called with one value; "" of another."""
    try:  # what a decorator returned counts: it may pass the other values itself
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # some built-in functions have no signature
        return ""
    config = {"config": None} if "config" in signature.parameters else {}
    try:
        signature.bind(None, **config)
    except TypeError:
        return f"({', '.join(signature.parameters)})" if signature.parameters else "no value"
    return ""


@weak_cache
def takes_config(function: Callable[..., Any]) -> bool:
    """Tell whether a function has a parameter named `config`."""
    try:
        return "config" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False


def checks_keywords(method: Method) -> Method:
    """Decorate a method or function so that it refuses keywords that it does not know.

    It keeps its signature. For an `__init__`, the error lists what the class of the new object
    can be made with, which includes the keywords of its other classes.

    Raises:
        ConfigError: raised by the call; names the keyword, a similar one, and the known ones.
    """
    code: CodeType = cast("Any", method).__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    known = [name for name in names if name != "self"]
    most = math.inf if code.co_flags & inspect.CO_VARARGS else code.co_argcount

    needed = code.co_argcount - len(cast("Any", method).__defaults__ or ())

    @functools.wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if len(args) > most:
            raise _only_by_name(method, args[int(most)], args)
        for name in kwargs:
            if name not in known:
                if method.__name__ != "__init__":
                    raise unknown_option(method.__name__, name, known)
                cls = type(cast("object", args[0]))
                raise unknown_option(cls.__name__, name, setting_names(cls))
        if len(args) < needed:
            for name in names[len(args) : needed]:
                if name not in kwargs:
                    owner = _owner(method, args)
                    raise ConfigError(f"{owner} needs {name!r}: {owner}({name}=...).")
        return method(*args, **kwargs)

    return cast("Method", checked)


def takes_branches(method: Method) -> Method:
    """Decorate a method that takes branches by name so that it refuses those without one.

    Raises:
        ConfigError: raised by the call; says how to write it.
    """
    most = cast("Any", method).__code__.co_argcount

    @functools.wraps(method)
    def checked(*args: Any, **branches: Any) -> Any:
        if len(args) > most:
            name, value = method.__name__.removeprefix("_"), args[most]
            way_out = f"{name}(**{value!r})" if isinstance(value, dict) else f"{name}(key=...)"
            raise ConfigError(f"{name}({value!r}): each branch goes by its name: {way_out}.")
        return method(*args, **branches)

    return cast("Method", checked)


def _owner(method: Any, args: tuple[Any, ...]) -> str:
    """Return the name of a method for errors; of an `__init__`, the class of the new object."""
    is_init = method.__name__ == "__init__"
    return type(cast("object", args[0])).__name__ if is_init else str(method.__name__)


def _only_by_name(method: Any, value: Any, args: tuple[Any, ...]) -> ConfigError:
    """Return the error for a value without a name, where settings must have one."""
    name = _owner(method, args)
    parameters = inspect.signature(method).parameters.values()
    named = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    if not named:
        taken = ", ".join(parameter.name for parameter in parameters if parameter.name != "self")
        return ConfigError(f"{name}: {value!r} is one argument too many. It takes: {taken}.")
    if name == "with_fallbacks" and hasattr(value, "invoke"):
        return ConfigError(
            f"{name}: {value!r} is one argument too many. It takes a list: {name}([a, b])."
        )
    is_exception = BaseException in getattr(value, "__mro__", ())
    kind = cast("type[Any]", tuple if is_exception else type(value))
    shown = str(value.__name__) if is_exception else repr(value)
    alike = [
        setting.name
        for setting in named
        if type(setting.default) is kind or str(setting.annotation).startswith(f"{kind.__name__} |")
    ]
    known = ", ".join(setting.name for setting in named) or "none"
    hint = f" Did you mean {name}({alike[0]}={shown})?" if alike else ""
    return ConfigError(f"{name}({shown}): settings go by name.{hint} Known: {known}.")


def setting_names(cls: type) -> list[str]:
    """Return the keywords that a class can be made with, its own and those of its bases."""
    names: dict[str, None] = {}
    for init in [vars(base)["__init__"] for base in cls.__mro__[:-1] if "__init__" in vars(base)]:
        parameters = [*inspect.signature(init).parameters.values()][1:]  # without self
        named = [parameter for parameter in parameters if parameter.kind not in _VARIADIC]
        names.update((parameter.name, None) for parameter in named)
        if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            break  # it passes no keywords on to its bases
    return list(names)


_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def getter_keys(function: object) -> tuple[str, ...]:
    """Return the keys of an `operator.itemgetter` of strings; none for anything else."""
    if not isinstance(function, itemgetter):
        return ()
    pickled: Any = function.__reduce__()  # the only public place that shows them
    keys: tuple[Any, ...] = pickled[1]
    return keys if all(isinstance(key, str) for key in keys) else ()


def target(function: Any) -> Any:
    """Return the function that a call really runs, behind partials and `__call__` methods."""
    while type(function) is functools.partial:
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return getattr(function, "__call__", function)  # noqa: B004 - the method itself is wanted


def is_function(value: object) -> bool:
    """Tell whether this is a function, a method or a partial, and no type that can be called."""
    return inspect.isroutine(value) or isinstance(value, functools.partial)


def is_async(function: object) -> bool:
    """Tell whether a call of this returns something to await, or to iterate with `async for`."""
    called = target(function)
    return inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)


def is_generator(function: object) -> bool:
    """Tell whether it is a generator function, sync or async."""
    called = target(function)
    return inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called)


def types_of(runnable: object) -> tuple[Any, Any]:
    """Return the two type arguments of a runnable: `RunnableBranch[int, str](...)`, or its class's.

    Each is Any where it is not known.
    """
    arguments = get_args(getattr(runnable, "__orig_class__", None))
    if len(arguments) == 2:
        return _known_type(arguments[0]), _known_type(arguments[1])
    for base in inspect.getmro(type(runnable)):
        for generic in getattr(base, "__orig_bases__", ()):
            arguments = get_args(generic)
            is_runnable = getattr(get_origin(generic), "run_type", None) is not None
            if len(arguments) == 2 and is_runnable:
                return _known_type(arguments[0]), _known_type(arguments[1])
    return Any, Any


def _known_type(annotation: Any) -> Any:
    return Any if isinstance(annotation, (TypeVar, str)) else annotation


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function, as far as they can be read; never raise."""
    annotated: Any = function
    if inspect.isclass(function):
        annotated = function.__init__
    elif not inspect.isroutine(function):
        annotated = getattr(function, "func", None) or getattr(type(function), "__call__", function)  # noqa: B004 - the method itself is wanted
    if not getattr(annotated, "__annotations__", None):
        return {}
    try:
        return typing.get_type_hints(annotated, localns=local_names(annotated))
    except Exception:  # annotations are any code at all, also names that exist only for checkers
        return {}


def local_names(function: Any, module: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Return the names that annotations written as strings may use, beside those of the module.

    With `from __future__ import annotations`, a function that is made inside another one, as in a
    factory or a test, may name classes of that one. They are found while that one still runs.

    Args:
        function: the function, or a class.
        module: the names of its module; by default, those that the function knows.

    Returns:
        The local names of the functions and classes around it, an inner one before an outer one;
        None where there are none.
    """
    annotations: Mapping[str, Any] = getattr(function, "__annotations__", {})
    if not any(isinstance(annotation, (str, ForwardRef)) for annotation in annotations.values()):
        return None
    parameters = getattr(function, "__type_params__", ())  # of Python 3.12: def f[T](x: T)
    names: dict[str, Any] = {parameter.__name__: parameter for parameter in parameters}
    for frame in _frames_around(function, module or getattr(function, "__globals__", None)):
        names = {**frame.f_locals, **names}
    return names or None


def _frames_around(function: Any, module: Any) -> Iterator[FrameType]:
    """Yield the running frames of the functions and classes that a function was made in."""
    scope, around = getattr(function, "__qualname__", ""), set[str]()
    while scope := scope.rpartition(".")[0].removesuffix(".<locals>"):
        around.add(scope)
    frame: FrameType | None = sys._getframe() if around else None
    while frame is not None:
        if frame.f_globals is module and frame.f_code.co_qualname in around:
            yield frame
        frame = frame.f_back


def argument_type(function: Callable[..., Any]) -> Any:
    """Return the annotated type of a function's first parameter, else Any."""
    hints = hints_of(function)
    if not hints:
        return Any
    try:
        names = [name for name in inspect.signature(function).parameters if name != "self"]
    except (TypeError, ValueError):  # some built-in functions have no signature
        return Any
    return hints.get(names[0], Any) if names else Any


def result_type(function: Callable[..., Any]) -> Any:
    """Return the annotated type of a function's output, else Any.

    It is the type that a generator yields, that an awaitable resolves to, or that a runnable
    outputs, where the function returns one of these.
    """
    annotation = hints_of(function).get("return", Any)
    if inspect.isclass(function):
        return Any
    origin, arguments = get_origin(annotation), get_args(annotation)
    if is_generator(function):
        return chunk_type(annotation)
    if origin in _AWAITABLES or hasattr(origin or annotation, "run_type"):
        return _known_type(arguments[-1]) if arguments else Any
    return annotation


def chunk_type(annotation: Any) -> Any:
    """Return the type that an annotated iterator, sync or async, yields; else Any."""
    arguments = get_args(annotation) if get_origin(annotation) in _ITERATORS else ()
    return _known_type(arguments[0]) if arguments else Any


_ITERATORS = (
    abc.Iterator,
    abc.Iterable,
    abc.Generator,
    abc.AsyncIterator,
    abc.AsyncIterable,
    abc.AsyncGenerator,
)
_AWAITABLES = (abc.Awaitable, abc.Coroutine)
