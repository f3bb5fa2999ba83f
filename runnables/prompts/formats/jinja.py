"""Templates in the format of Jinja, in a sandbox; needs the extra `jinja2`.

The sandbox is narrower than Jinja's own. `{{ a.b }}` and `{{ a["b"] }}` look into dicts and
lists only; attributes and methods of values, `__names__`, functions as values and other files
cannot be reached, and the filter `attr` is removed. Jinja's own features work: loops with
`loop.index`, conditions, filters, macros, `set`, `namespace`, `range`, `dict`.

The sandbox keeps a template from reaching anything but its values. It does not limit time or
memory: use Mustache for templates from people whom you do not trust.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, cast

from runnables.errors import PromptError
from runnables.prompts.formats.base import Variables
from runnables.prompts.formats.shown import is_missing, missing_value, shown

_OUR_GLOBALS: Final = ("range", "dict", "namespace")
_GUARDS: Final = ("default", "d", "defined", "undefined")
_ERRORS: Final = (TypeError, ValueError, LookupError, ArithmeticError)


class Jinja:
    """A template in the format of Jinja.

    Args:
        template: the string.

    Raises:
        MissingExtra: the package is not installed.
        PromptError: the template is not well formed, or uses what the sandbox forbids.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._jinja2 = _jinja2()
        environment = _environment()
        try:
            self.variables = _variables(self._jinja2, environment.parse(template))
            self._compiled = environment.from_string(template)
        except self._jinja2.TemplateSyntaxError as error:
            hint = " Templates reach no attributes." if "named 'attr'" in str(error) else ""
            raise PromptError(
                f"Line {error.lineno} of the template: {error.message}{hint}"
            ) from error

    def render(self, values: Mapping[str, Any], /) -> str:
        """Return the string with the values filled in.

        Raises:
            PromptError: a name that the data does not have, or an access that is not allowed.
        """
        used: dict[str, Any] = {
            name: values[name] for name in self.variables.names if name in values
        }
        try:
            return cast("str", self._compiled.render(used))
        except PromptError as error:  # of an access, which says what to write instead
            raise type(error)(f"The template cannot be rendered: {error}") from error
        except self._jinja2.sandbox.SecurityError as error:
            raise _security_error()(
                f"The template cannot be rendered: {str(error).rstrip('.')}. A template calls no "
                "functions of Python. Call it first, and pass what it returns as the value."
            ) from error
        except _MissingValueError as error:
            names = [name for name, value in used.items() if is_missing(value)]
            raise missing_value(
                names[0] if len(names) == 1 else "an expression",
                error.value,
                "The template cannot be rendered",
                "If it should read so, write {{ name | string }}.",
            ) from None
        except (self._jinja2.TemplateError, *_ERRORS) as error:
            reason = str(error).rstrip(".")
            raise PromptError(f"The template cannot be rendered: {reason}.") from error


def _security_error() -> type[PromptError]:
    """Return the class of the error of an access that is forbidden; it needs the package."""
    from runnables.prompts.formats.jinja_errors import JinjaSecurityError

    return JinjaSecurityError


def _jinja2() -> Any:
    """Return the package, which is an extra, so type checkers may not have it."""
    try:
        for part in ("jinja2.sandbox", "jinja2.meta"):
            import_module(part)
        return import_module("jinja2")
    except ImportError as error:
        from runnables.core.installation import missing_extra

        raise missing_extra("template_format='jinja2'", "jinja2", "jinja2") from error


def _variables(jinja2: Any, tree: Any) -> Variables:
    """Return the variables; those with a default or a test for absence are optional."""
    _refuse_other_files(jinja2.nodes, tree)
    guarded = {
        guard.node.name
        for guard in tree.find_all((jinja2.nodes.Test, jinja2.nodes.Filter))
        if guard.name in _GUARDS and isinstance(guard.node, jinja2.nodes.Name)
    }
    names = sorted(set(jinja2.meta.find_undeclared_variables(tree)) - set(_OUR_GLOBALS))
    return Variables(
        {name: Any for name in names if name not in guarded},
        {name: Any for name in names if name in guarded},
    )


def _refuse_other_files(nodes: Any, tree: Any) -> None:
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        raise PromptError(
            f"Line {node.lineno} of the template: templates cannot load other files. "
            "Add them together with '+'."
        )


@lru_cache(maxsize=1)
def _environment() -> Any:
    """Return the one environment; it holds no values, so all templates share it."""
    jinja2 = _jinja2()
    limits = _Limits(jinja2)
    methods = {name: getattr(limits, name) for name in vars(_Limits) if not name.startswith("_")}
    narrow = type(
        "Environment",
        (jinja2.sandbox.SandboxedEnvironment,),
        {name: staticmethod(method) for name, method in methods.items()},
    )
    environment = narrow(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.globals = {name: environment.globals[name] for name in _OUR_GLOBALS}
    limits.callables = list(environment.globals.values())
    limits.environment = environment
    del environment.filters["attr"]
    return environment


class _MissingValueError(Exception):
    """An error of an expression without a value, such as None."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


def _shown(value: Any) -> Any:
    """Return what an expression is replaced by; Jinja's own objects are its own business."""
    if type(value).__module__.startswith("jinja2."):
        return value
    if is_missing(value):
        raise _MissingValueError(value)
    return shown(value)


class _Limits:
    """The rules of the sandbox: values are data, whose items can be read, and nothing else.

    The public methods override those of a sandboxed environment.
    """

    environment: Any
    callables: Sequence[Any]

    def __init__(self, jinja2: Any) -> None:
        self._undefined = jinja2.Undefined
        self._loop = jinja2.runtime.LoopContext
        self._macro = jinja2.runtime.Macro
        self._namespace = jinja2.utils.Namespace

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute`: an item of data, or an attribute of an object of Jinja's own."""
        if isinstance(obj, (self._loop, self._namespace)) and not attribute.startswith("_"):
            return getattr(obj, attribute, None)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return `obj[argument]`: an item of a dict, a list or a string."""
        if isinstance(obj, (Mapping, Sequence)):
            try:
                return cast("Any", obj)[argument]
            except (LookupError, TypeError, ValueError):
                return self._nothing(obj, argument)
        if isinstance(obj, self._undefined):
            return obj  # it raises an error with the missing name as soon as it is used
        return self._nothing(obj, argument)

    def _nothing(self, obj: Any, argument: Any) -> Any:
        """Return what raises an error as soon as it is used, with the reason where there is one."""
        hint = _why_refused(obj, argument)
        error = {} if hint is None else {"exc": _security_error()}
        return self.environment.undefined(hint, obj=obj, name=argument, **error)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return False: no attribute is safe."""
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """Tell whether a callable is Jinja's own: a macro, `loop`, or one of the functions."""
        if isinstance(obj, (self._macro, self._loop, self._undefined)):
            return True  # an undefined object raises its own error when it is called
        if isinstance(getattr(obj, "__self__", None), self._loop):  # loop.cycle(...)
            return True
        return any(obj is function for function in self.callables)


_INSTEAD: Final[Mapping[str, str]] = {
    "append": "{% set xs = xs + [x] %}",
    "capitalize": "s|capitalize",
    "center": "s|center",
    "copy": "the value itself",
    "count": "xs|select('equalto', x)|list|length",
    "encode": "s",
    "endswith": "s[-1:] == 'x'",
    "extend": "{% set xs = xs + ys %}",
    "find": "'x' in s",
    "format": "s|format(x), with %s in s",
    "get": "d.key|default('')",
    "index": "loop.index0",
    "insert": "{% set xs = [x] + xs %}",
    "isoformat": "d|string",
    "items": "d|items",
    "join": "xs|join(', ')",
    "keys": "d|list",
    "lower": "s|lower",
    "lstrip": "s|trim",
    "pop": "xs[:-1]",
    "replace": "s|replace('a', 'b')",
    "reverse": "xs|reverse",
    "rstrip": "s|trim",
    "sort": "xs|sort",
    "split": "a list as the value",
    "splitlines": "a list as the value",
    "startswith": "s[:1] == 'x'",
    "strftime": "a string as the value",
    "strip": "s|trim",
    "title": "s|title",
    "update": "dict(d, key=x)",
    "upper": "s|upper",
    "values": "d|items|map('last')|list",
}
"""For methods that people write in templates: what does the same here."""


def _why_refused(obj: Any, name: Any) -> str | None:
    """Return why a value has no such item, where its class has an attribute of that name."""
    kind = type(obj).__name__
    is_data = isinstance(obj, (Mapping, Sequence))
    if not isinstance(name, str) or (is_data and not _has_attribute(obj, name)):
        return None  # an item that is not there: Jinja's own message says so
    instead = _INSTEAD.get(name) if is_data else None
    if name.startswith("_"):
        way_out = "Pass what the template needs as a value of its own."
    elif instead is not None:
        way_out = f"Write {instead} instead."
    else:
        way_out = (
            "Use a filter, or pass what it returns as a value of its own."
            if is_data
            else "Pass a dict, such as model_dump() of a pydantic object or vars() of another."
        )
    return (
        f"{name!r} of {kind!r} is out of reach: templates read the items of dicts and lists, and "
        f"no attributes or methods of Python objects. {way_out}"
    )


def _has_attribute(obj: Any, name: str) -> bool:
    """Tell whether the class of a value has an attribute, without running code of its own."""
    return any(name in vars(base) for base in type(obj).__mro__)
