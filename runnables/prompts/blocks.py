"""Templates for the blocks of a message: texts, images, and any other dict."""

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
    """A template in the shape of a dict: each text in it, however deep, is a template.

    Keys are not templates, and values that are not texts stay as they are.

    Args:
        template: the dict.
        template_format: how its texts are to be read.
        input_variables: the variables, where they are to be checked against the texts.
    """

    _compile_nested: Any = None

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
        """The dict for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        self._refuse_unknown(values)
        self.require(values)
        return self.render(self.render_context(values))

    def render(self, context: RenderContext) -> dict[str, Any]:
        """The dict; nothing is missing from what is given."""
        return cast("dict[str, Any]", _render_nested(self._get_compiled(), context.values))

    def render_block(self, context: RenderContext) -> dict[str, Any]:
        """The dict as a block of a message."""
        return self.render(context)

    def _own_variables(self) -> Variables:
        return union(text.variables for text in _compiled_strings(self._get_compiled()))

    def shorthand(self) -> Any:
        """The block as users write it."""
        return self.template

    def __repr__(self) -> str:
        return constructor_repr(self, self.template, template_format=self.template_format)

    def _get_compiled(self) -> Any:
        if self._compile_nested is None:
            self._compile_nested = _compiled(self.template, self.template_format)
        return self._compile_nested


class ImagePromptTemplate(DictPromptTemplate):
    """A template for the address of an image: its `url`, which may hold the data, and `detail`.

    Args:
        template: a dict with "url" and perhaps "detail", or the url alone.
        template_format: how its texts are to be read.
        input_variables: the variables, where they are to be checked against the texts.

    Raises:
        PromptError: no url, or a path: a prompt does not read files.
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
            raise PromptError(f"Invalid image template: {template!r}. Give a url, or a dict.")
        if "path" in template:
            raise PromptError(
                "Images are not read from a 'path': a value could name any file of this machine. "
                "Read the file yourself and give it as a 'url' of the form "
                "'data:image/png;base64,...'."
            )
        if "url" not in template:
            raise PromptError(f"An image needs a 'url', and has only {sorted(template)}.")
        super().__init__(template, template_format, input_variables=input_variables)

    def render_block(self, context: RenderContext) -> dict[str, Any]:
        """The image as a block of a message."""
        return {"type": "image_url", "image_url": self.render(context)}

    def block_shorthand(self) -> Any:
        """The block as users write it."""
        return {"type": "image_url", "image_url": self.template}


BlockTemplate = StringPromptTemplate | DictPromptTemplate
"""What makes a block of a message."""


def block_template(
    block: str | Mapping[str, Any], template_format: PromptTemplateFormat
) -> BlockTemplate:
    """Read a block as users write it: a text, or a dict.

    Raises:
        PromptError: something else, or a text in it that is not well formed.
    """
    if isinstance(block, str):
        return PromptTemplate(block, template_format=template_format)
    if not isinstance(block, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
        raise PromptError(f"Invalid template: {block!r}. A block of a message is a text or a dict.")
    if "text" in block and block.keys() <= {"type", "text"}:
        return PromptTemplate(block["text"], template_format=template_format)
    if "image_url" in block and block.keys() <= {"type", "image_url"}:
        return ImagePromptTemplate(block["image_url"], template_format)
    return DictPromptTemplate(block, template_format)


def render_blocks(template: BlockTemplate, context: RenderContext) -> Iterator[dict[str, Any]]:
    """The block that a template makes; a text that comes out empty makes none."""
    if isinstance(template, DictPromptTemplate):
        yield template.render_block(context)
    elif text := template.render_text(context):
        yield {"type": "text", "text": text}


def block_shorthand(template: BlockTemplate, template_format: str) -> Any:
    """A block as users write it; None where that would not say all."""
    if isinstance(template, DictPromptTemplate):
        return template.shorthand() if template.template_format == template_format else None
    if type(template) is not PromptTemplate or template != PromptTemplate(
        template.template, template_format=cast("Any", template_format)
    ):
        return None
    return template.template


def _compiled(value: Any, template_format: str) -> Any:
    """The same shape, with texts read as templates."""
    if isinstance(value, str):
        return compile_template(value, template_format)
    if is_dict(value):
        return {key: _compiled(item, template_format) for key, item in value.items()}
    if is_list(value):
        items = [_compiled(item, template_format) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return _Constant(value)


class _Constant:
    """A value in a template that is no text."""

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
