"""Templates for the blocks of a message: text, images, and any other dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from runnables.core.values import Value
from runnables.errors import PromptError
from runnables.prompts.formats.base import Variables, is_dict, is_list, union
from runnables.prompts.formats.registry import compile_template
from runnables.prompts.string import PromptTemplate, StringPromptTemplate
from runnables.prompts.template import RenderContext, Template, constructor_repr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnables.prompts.formats.base import Compiled, PromptTemplateFormat


class DictPromptTemplate(Value, Template):
    """A template that is a dict: each string value in it, at any depth, is a template.

    Keys are not templates, and values of other types stay unchanged.

    Args:
        template: the dict.
        template_format: the format of its strings.
        input_variables: the expected variables; a warning says where the template has others.

    Raises:
        PromptError: a string that is not well formed, or other variables than those expected.

    Example:
        >>> DictPromptTemplate({"type": "image", "url": "https://x/{name}.png"}).format(name="cat")
        {'type': 'image', 'url': 'https://x/cat.png'}
    """

    _compiled: Any = None

    def __init__(
        self,
        template: Mapping[str, Any],
        template_format: PromptTemplateFormat = "f-string",
        *,
        input_variables: Iterable[str] | None = None,
    ) -> None:
        self.template = dict(template)
        self.template_format: PromptTemplateFormat = template_format
        self._get_compiled()
        self._check_declared(input_variables)

    def format(self, /, **values: Any) -> dict[str, Any]:
        """Return the dict for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        self._refuse_unknown(values)
        self.require(values)
        return self.render(self.render_context(values))

    def render(self, context: RenderContext) -> dict[str, Any]:
        """Render the dict; the context holds a value for every variable."""
        return cast("dict[str, Any]", _render_nested(self._get_compiled(), context.values))

    def render_block(self, context: RenderContext) -> dict[str, Any]:
        """Render the dict as a block of a message."""
        return self.render(context)

    def _own_variables(self) -> Variables:
        return union(string.variables for string in _compiled_strings(self._get_compiled()))

    def shorthand(self) -> Any:
        """Return the block as users write it."""
        return self.template

    def __repr__(self) -> str:
        return constructor_repr(self, self.template, template_format=self.template_format)

    def _get_compiled(self) -> Any:
        if self._compiled is None:
            self._compiled = _compile_nested(self.template, self.template_format)
        return self._compiled


class ImagePromptTemplate(DictPromptTemplate):
    """A template for an image: its `url`, which may be a data URL, and `detail`.

    Args:
        template: a dict with "url" and optionally "detail", or the URL alone.
        template_format: the format of its strings.
        input_variables: the expected variables; a warning says where the template has others.

    Raises:
        PromptError: there is no URL, or a path: a prompt does not read files.

    Example:
        >>> ImagePromptTemplate("https://x/{name}.png").format(name="cat")
        {'url': 'https://x/cat.png'}
    """

    def __init__(
        self,
        template: Mapping[str, Any] | str,
        template_format: PromptTemplateFormat = "f-string",
        *,
        input_variables: Iterable[str] | None = None,
    ) -> None:
        template = {"url": template} if isinstance(template, str) else template
        if not isinstance(template, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
            raise PromptError(f"Invalid image template: {template!r}. Pass a URL or a dict.")
        if "path" in template:
            raise PromptError(
                "Images are not read from a 'path': a value could name any file of this machine. "
                "Read the file yourself and pass it as a 'url' such as "
                "'data:image/png;base64,...'."
            )
        if "url" not in template:
            raise PromptError(f"An image needs a 'url', and has only {sorted(template)}.")
        super().__init__(template, template_format, input_variables=input_variables)

    def render_block(self, context: RenderContext) -> dict[str, Any]:
        """Render the image as a block of a message."""
        return {"type": "image_url", "image_url": self.render(context)}

    def shorthand(self) -> Any:
        """Return the block as users write it."""
        return {"type": "image_url", "image_url": self.template}


BlockTemplate = StringPromptTemplate | DictPromptTemplate
"""A template that renders a block of a message."""


def block_template(
    block: str | Mapping[str, Any], template_format: PromptTemplateFormat
) -> BlockTemplate:
    """Return the template of a block as users write it: a string, or a dict.

    Raises:
        PromptError: anything else, or a string in it that is not well formed.
    """
    if isinstance(block, str):
        return PromptTemplate(block, template_format=template_format)
    if not isinstance(block, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
        raise PromptError(f"Invalid template: {block!r}. A block is a string or a dict.")
    if "text" in block and block.keys() <= {"type", "text"}:
        return PromptTemplate(block["text"], template_format=template_format)
    if "image_url" in block and block.keys() <= {"type", "image_url"}:
        return ImagePromptTemplate(block["image_url"], template_format)
    return DictPromptTemplate(block, template_format)


def render_blocks(template: BlockTemplate, context: RenderContext) -> Iterator[dict[str, Any]]:
    """Yield the block that a template renders; an empty string makes none."""
    if isinstance(template, DictPromptTemplate):
        yield template.render_block(context)
    elif text := template.render_text(context):
        yield {"type": "text", "text": text}


def block_shorthand(template: BlockTemplate, template_format: str) -> Any:
    """Return a block as users write it; None where that would leave out options."""
    if isinstance(template, DictPromptTemplate):
        return template.shorthand() if template.template_format == template_format else None
    if type(template) is not PromptTemplate or template != PromptTemplate(
        template.template, template_format=cast("Any", template_format)
    ):
        return None
    return template.template


def _compile_nested(value: Any, template_format: str) -> Any:
    """Return a value of the same shape, with its strings compiled."""
    if isinstance(value, str):
        return compile_template(value, template_format)
    if is_dict(value):
        return {key: _compile_nested(item, template_format) for key, item in value.items()}
    if is_list(value):
        items = [_compile_nested(item, template_format) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return _Constant(value)


class _Constant:
    """A value in a template that is not a string."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _compiled_strings(compiled: Any) -> Iterator[Compiled]:
    if is_dict(compiled):
        yield from _compiled_strings(list(compiled.values()))
    elif is_list(compiled):
        for item in compiled:
            yield from _compiled_strings(item)
    elif not isinstance(compiled, _Constant):
        yield compiled


def _render_nested(compiled: Any, values: Mapping[str, Any]) -> Any:
    if is_dict(compiled):
        return {key: _render_nested(item, values) for key, item in compiled.items()}
    if is_list(compiled):
        items = [_render_nested(item, values) for item in compiled]
        return tuple(items) if isinstance(compiled, tuple) else items
    return compiled.value if isinstance(compiled, _Constant) else compiled.render(values)
