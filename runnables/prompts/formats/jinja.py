"""Templates in the language of Jinja, in a sandbox; needs the extra `jinja2`.

The sandbox is narrower than Jinja's own. `{{ a.b }}` and `{{ a["b"] }}` look into dicts and
lists only; attributes and methods of values, `__names__`, functions as values and other files
are out of reach, and the filter `attr` is not there. What Jinja itself brings works: loops with
`loop.index`, conditions, filters, macros, `set`, `namespace`, `range`, `dict`.

The sandbox keeps a template from reaching what it was not given. It does not limit time or
memory: for templates from people you do not trust take Mustache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, cast

from runnables.errors import PromptError, missing_extra
from runnables.prompts.formats.base import Variables

_OUR_GLOBALS: Final = ("range", "dict", "namespace")
_GUARDS: Final = ("default", "d", "defined", "undefined")
_ERRORS: Final = (TypeError, ValueError, LookupError, ArithmeticError)


class Jinja:
    """A template in the language of Jinja.

    Args:
        template: the text.

    Raises:
        MissingExtra: the package is not installed.
        PromptError: the template is not well formed, or uses what is out of reach.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._jinja2 = _jinja2()
        environment = _environment()
        try:
            self.variables = _variables(self._jinja2, environment.parse(template))
            self._compiled = environment.from_string(template)
        except self._jinja2.TemplateSyntaxError as error:
            raise PromptError(f"Line {error.lineno} of the template: {error.message}") from error

    def render(self, values: Mapping[str, Any], /) -> str:
        """The text with the values in place.

        Raises:
            PromptError: a name that the data does not have, or an access that is out of reach.
        """
        ours = {name: values[name] for name in self.variables.names if name in values}
        try:
            return cast("str", self._compiled.render(ours))
        except (self._jinja2.TemplateError, *_ERRORS) as error:
            reason = str(error).rstrip(".")
            raise PromptError(f"The template cannot be rendered: {reason}.") from error


def _jinja2() -> Any:
    """The package, which is an extra: so it is not there for type checkers either."""
    try:
        for part in ("jinja2.sandbox", "jinja2.meta"):
            import_module(part)
        return import_module("jinja2")
    except ImportError as error:
        raise missing_extra("template_format='jinja2'", "jinja2", "jinja2") from error


def _variables(jinja2: Any, tree: Any) -> Variables:
    """A variable whose absence the template provides for is optional."""
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
    """The one environment; it holds no values, and so can be shared."""
    jinja2 = _jinja2()
    limits = _Limits(jinja2)
    methods = {name: getattr(limits, name) for name in vars(_Limits) if not name.startswith("_")}
    narrow = type(
        "Environment",
        (jinja2.sandbox.SandboxedEnvironment,),
        {name: staticmethod(method) for name, method in methods.items()},
    )
    environment = narrow(
        undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    environment.globals = {name: environment.globals[name] for name in _OUR_GLOBALS}
    limits.callables = list(environment.globals.values())
    limits.environment = environment
    del environment.filters["attr"]
    return environment


class _Limits:
    """What a template may reach: values are data, whose items can be read, and nothing else.

    Its public methods are those of a sandboxed environment.
    """

    environment: Any
    callables: Sequence[Any]

    def __init__(self, jinja2: Any) -> None:
        self._undefined = jinja2.Undefined
        self._loop = jinja2.runtime.LoopContext
        self._macro = jinja2.runtime.Macro
        self._namespace = jinja2.utils.Namespace

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: an item of data; what Jinja itself made has attributes."""
        if isinstance(obj, (self._loop, self._namespace)) and not attribute.startswith("_"):
            return getattr(obj, attribute, None)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`: an item of a dict, a list or a text."""
        if isinstance(obj, (Mapping, Sequence)):
            try:
                return cast("Any", obj)[argument]
            except (LookupError, TypeError, ValueError):
                return self.environment.undefined(obj=obj, name=argument)
        if isinstance(obj, self._undefined):
            return obj  # which says what was not there, as soon as it is used
        return self.environment.unsafe_undefined(obj, str(argument))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """No attribute is."""
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """What Jinja itself made is: macros, `loop`, and the functions of every template."""
        if isinstance(obj, (self._macro, self._loop, self._undefined)):
            return True  # what is undefined says so itself when it is called
        if isinstance(getattr(obj, "__self__", None), self._loop):  # loop.cycle(...)
            return True
        return any(obj is own for own in self.callables)
