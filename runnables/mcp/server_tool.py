"""A tool of an MCP server, as one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from runnables.core.events import adispatch_custom_event, dispatch_custom_event
from runnables.core.subclassing import config_of
from runnables.errors import ConfigError, ToolException
from runnables.mcp.content import content_and_artifact, error_text
from runnables.models.structured.json_schema import schema_errors
from runnables.tools.arguments import CheckedArguments, arguments_error
from runnables.tools.base import BaseTool

if TYPE_CHECKING:
    from mcp.types import CallToolResult, Tool

    from runnables.core.config import Scope
    from runnables.mcp.client import McpClient
    from runnables.tools.results import ToolInvocation

PROGRESS = "mcp_progress"
"""The name of the custom events that pass on a server's reports of progress."""


class McpTool(BaseTool[Any], internal=True):
    """A tool that an MCP server runs.

    Its arguments are checked by the server's JSON schema. The content of the answer is what the
    model reads, its structured content the artifact. An answer that the server marks as an error
    is a `ToolException`.

    Args:
        definition: the tool as the server describes it.
        client: the connection to the server.
        prefix: what stands before the server's name of it.

    Attributes:
        client: the connection to the server.
        own_name: the server's name of it.
        metadata: "mcp_server" and "mcp_tool", and the hints of the server, such as "readOnlyHint"
            and "destructiveHint".
    """

    def __init__(self, definition: Tool, client: McpClient, prefix: str = "") -> None:
        hints = definition.annotations
        self.own_name = definition.name
        self.client = client
        self._set_up(
            name=f"{prefix}{definition.name}",
            description=definition.description or definition.title or "",
            args_schema=definition.input_schema,
            return_direct=False,
            response_format="content_and_artifact",
            handle_tool_error=False,
            handle_validation_error=False,
            needs_approval=False,
            metadata={
                "mcp_server": client.name,
                "mcp_tool": definition.name,
                **(hints.model_dump(by_alias=True, exclude_none=True) if hints else {}),
            },
        )

    def __repr__(self) -> str:
        return f"McpTool({self.name!r}, server={self.client.name!r})"

    @property
    def injected_args(self) -> frozenset[str]:
        """Return the names of arguments that the program passes: none."""
        return frozenset()

    def _result_type(self) -> Any:
        return Any

    def _check_arguments(
        self, invocation: ToolInvocation, kwargs: dict[str, Any]
    ) -> CheckedArguments:
        for name in kwargs:
            raise ConfigError(f"The tool {self.name!r} takes no option {name!r}.")
        return [], self._check_by_json_schema(self._by_name(invocation.arguments))

    def _check_by_json_schema(self, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            errors = schema_errors(arguments, self.args_jsonschema)
        except Exception:  # a schema that we cannot read; the server checks, too
            errors = []
        if errors:
            raise arguments_error(self.name, "; ".join(errors))
        return arguments

    def _by_name(self, value: Any) -> dict[str, Any]:
        """Return the arguments by name; a bare value is that of the only, or only required, one."""
        if isinstance(value, Mapping):
            return dict(cast("Mapping[str, Any]", value))
        names = list(self.args_jsonschema["properties"])
        if not names and isinstance(value, str):
            return {}
        only = names if len(names) == 1 else self.args_jsonschema.get("required", [])
        if len(only) != 1:
            known = ", ".join(names) or "none"
            raise arguments_error(
                self.name, f"expected a dict of arguments ({known}), got {value!r}"
            )
        return {only[0]: value}

    def _call(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        def receive(progress: dict[str, Any]) -> None:
            dispatch_custom_event(PROGRESS, self._about(progress), config=config_of(scope))

        listens = scope is not None and scope.handlers
        result = self.client.call(self.own_name, arguments[1], receive if listens else None)
        return self._outcome(result)

    async def _acall(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        async def receive(progress: dict[str, Any]) -> None:
            await adispatch_custom_event(PROGRESS, self._about(progress), config=config_of(scope))

        listens = scope is not None and scope.handlers
        result = await self.client.acall(self.own_name, arguments[1], receive if listens else None)
        return self._outcome(result)

    def _about(self, progress: dict[str, Any]) -> dict[str, Any]:
        return {"server": self.client.name, "tool": self.own_name, **progress}

    def _outcome(self, result: CallToolResult) -> Any:
        """Return the content and the artifact of an answer.

        Raises:
            ToolException: the server marks it as an error.
        """
        if result.is_error:
            text = self.client.without_secrets(error_text(result))
            raise ToolException(text or f"The tool {self.own_name!r} has failed.")
        return content_and_artifact(result)
