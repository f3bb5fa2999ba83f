"""A served chain as a tool of an MCP server: what it takes, and what its answer becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from mcp.types import AudioContent, CallToolResult, ContentBlock, ImageContent, TextContent, Tool

from runnables.compose.functions import RunnableLambda
from runnables.errors import ToolArgumentsError, ToolException, did_you_mean
from runnables.messages.normalize import canonical_blocks
from runnables.messages.roles import HumanMessage
from runnables.models.structured.json_schema import schema_errors
from runnables.redaction import hide_in_text
from runnables.serving.failures import RequestError
from runnables.serving.sse import as_json
from runnables.tools.base import BaseTool
from runnables.tools.results import ToolInvocation, as_content
from runnables.tools.runnable_tool import RunnableTool

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig
    from runnables.serving.service import ServedChain

_ONE_MESSAGE: Final = {"input": str}
"""The arguments of a chain that takes a conversation."""


class ToolFailed:
    """What a tool has raised for the model that called it.

    Attributes:
        text: what the model reads.
    """

    def __init__(self, text: str) -> None:
        self.text = text


class ServedTool:
    """A chain as a tool.

    A tool of ours is served as it is. Any other runnable takes its own input, if that is an
    object, or else an object whose "input" it is. A model or an agent takes the text of one
    message.

    Args:
        served: the chain.

    Attributes:
        chain: what runs.
        given: how many messages the input has, which an agent's output begins with.
        definition: the tool as clients see it.
    """

    def __init__(self, served: ServedChain) -> None:
        self.given = 0
        self._to_input = served.to_input
        chain: Any = served.chain
        self._tool: BaseTool[Any]
        if isinstance(cast("object", chain), BaseTool):
            self._tool = chain
        elif _takes_conversation(served):
            self.given = 1
            self._tool = RunnableTool[Any](chain, name=served.name, arg_types=_ONE_MESSAGE)
        else:
            self._tool = RunnableTool[Any](chain, name=served.name)
        self.chain: Runnable[Any, Any]
        if isinstance(self._tool, RunnableTool):
            self.chain = self._tool.bound
        else:
            self.chain = RunnableLambda(_calling(self._tool), name=served.name)
        self._schema = _as_object(self._tool.args_jsonschema)
        self._names = frozenset(self._schema["properties"])
        self._is_open = bool(self._schema.get("additionalProperties", False))
        description = _description(served.name, chain)
        self.definition = Tool(name=served.name, description=description, input_schema=self._schema)

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Return the input of the chain for the arguments of a call.

        Raises:
            RequestError: they do not fit.
        """
        known = self._names - self._tool.injected_args
        for name in () if self._is_open else arguments:
            if name not in known:
                raise RequestError(
                    f"There is no argument {name[:100]!r}.{did_you_mean(name, known)} "
                    f"Known: {', '.join(sorted(known)) or 'none'}."
                )
        values = dict(arguments)
        invocation = ToolInvocation(values)
        if invocation.is_call:  # arguments that look like a call of a model
            raise RequestError("These arguments cannot be passed.")
        try:
            checked, _ = self._tool._check_arguments(invocation, {})
        except ToolArgumentsError as error:
            raise RequestError(hide_in_text(str(error))) from None
        if isinstance(self._tool.args_schema, dict):  # by which tools do not check values
            if errors := schema_errors(values, self._schema):
                raise RequestError(f"The arguments do not fit. {'; '.join(errors)}")
        if not isinstance(self._tool, RunnableTool):
            return values
        if self.given and self._to_input is not None:
            return self._to_input([HumanMessage(checked["input"])])
        return checked


def _as_object(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of arguments as MCP wants it: an object at the top, and no reference."""
    found = {key: part for key, part in schema.items() if key != "title"}
    reference = found.pop("$ref", None)
    if reference is not None:  # of a class that refers to itself
        found = {**found["$defs"][reference.rpartition("/")[2]], **found}
    return {"type": "object", "properties": {}, **found}


def _takes_conversation(served: ServedChain) -> bool:
    """Tell whether a chain takes messages, and nothing beside them."""
    if served.to_input is None:
        return False
    try:
        value: object = served.to_input([HumanMessage("")])
    except RequestError:  # it takes an object of some other class
        return False
    is_object = isinstance(value, Mapping) and list(cast("Any", value)) == ["messages"]
    return is_object or isinstance(value, list)


def _calling(tool: BaseTool[Any]) -> Any:
    async def call(arguments: Any, config: RunnableConfig) -> Any:
        try:
            return await tool.ainvoke(arguments, config)
        except ToolException as error:
            return ToolFailed(hide_in_text(str(error)) or "The tool has failed.")

    return call


def _description(name: str, chain: Any) -> str:
    """Return what a chain says of itself; its repr, which shows its prompts, is none of it."""
    if isinstance(chain, BaseTool):
        return chain.description
    function = getattr(chain, "func", None) or getattr(chain, "afunc", None)
    return (getattr(function, "__doc__", None) or f"Runs {name!r}.").strip()


# -- answers


def failed(text: str) -> CallToolResult:
    """Return the answer of a call that has failed."""
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def answered(value: Any) -> CallToolResult:
    """Return the answer of a call with this output.

    Text is text, and blocks of content are theirs. Any other value is JSON, and once more as
    structured content: an object, in which a value that is none is the "result".
    """
    if isinstance(value, ToolFailed):
        return failed(value.text)
    if isinstance(content := as_content(value), list):
        return CallToolResult(content=[_block(block) for block in canonical_blocks(content)])
    text = value if isinstance(value, str) else as_json(value).decode()
    plain: Any = value if isinstance(value, str) else json.loads(text)
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=plain if isinstance(plain, dict) else {"result": plain},
    )


def _block(block: Mapping[str, Any]) -> ContentBlock:
    if block["type"] == "text":
        return TextContent(type="text", text=block["text"])
    media = {"image": ImageContent, "audio": AudioContent}
    if block["type"] in media and "base64" in block:
        kind: Any = media[block["type"]]
        mime_type = block.get("mime_type", "application/octet-stream")
        return cast("ContentBlock", kind(data=block["base64"], mime_type=mime_type))
    return TextContent(type="text", text=as_json(block).decode())
