"""A runnable of a model and tools: the model calls tools until it knows the answer."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Mapping,
)
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from runnables.agents.approvals import ApprovalAnswer, ApprovalRequest
from runnables.agents.conversation import Conversation, join_conversation, read_input
from runnables.agents.setup import STRUCTURED, AgentSetup
from runnables.agents.toolbox import child_config
from runnables.agents.types import AgentAnswer, AgentInput, AgentMessages, AgentState, State
from runnables.compose.runnable import Runnable
from runnables.core.error_notes import add_location
from runnables.core.options import refuse_options
from runnables.core.schemas import fields_schema
from runnables.core.values import show
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import SNAPSHOTS, ByKey, CustomMerge, Merge
from runnables.engine.stream import StreamInfo, aclose, close, owned
from runnables.errors import ConfigError
from runnables.messages.kinds import AnyMessage
from runnables.messages.roles import ToolMessage
from runnables.redaction import hide
from runnables.tools.signature import InjectedToolArg

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope
    from runnables.messages.ai import AIMessage
    from runnables.messages.roles import SystemMessage


DEFAULT_MAX_STEPS: Final = 25
"""How often the model may answer by default; as often as LangGraph takes steps."""

_DEFAULTS: Final[Mapping[str, Any]] = {"max_steps": DEFAULT_MAX_STEPS, "handle_tool_errors": False}


class Agent(Runnable[AgentInput, State], internal=True):
    """A model that uses tools until it knows the answer; made by `create_agent`.

    The tools of one answer run at once, within the limit of the call, and their results are in the
    order of the calls. A conversation that ends with tool calls goes on with them.

    Calls that need approval (`needs_approval` of a tool) do not run. The run ends once the others
    have, with "approval_requests" in its output; a next one, with this conversation and "approvals"
    in its input, goes on. A call that is denied has an error as its result. A call is denied, too,
    where the conversation goes on without an answer, and where an agent runs inside of a tool.

    The stream's chunks are dicts with "messages": first the input messages, then the chunks of
    each answer of the model, and the results of tools, each as soon as those before it are there.
    At last come the snapshots of "structured_response", each more complete; or one chunk with
    "approval_requests". Consecutive chunks of one answer are one message.

    Attributes:
        model: the chat model, without the tools.
        tools: the tools, as they were passed to `create_agent`.
        system_prompt: the first message that the model reads.
        response_format: the type of the structured answer; None: there is none.
        max_steps: how often the model may answer.
        handle_tool_errors: whether the model gets every error of a tool.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> @tool
        ... def add(a: int, b: int) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> request = tool_call(name="add", args={"a": 1, "b": 2}, id="call_1")
        >>> model = ScriptedChatModel([AIMessage(tool_calls=[request]), "It is 3."])
        >>> stream = create_agent(model, [add]).stream("What is 1 + 2?")
        >>> [chunk["messages"][0].text for chunk in stream]
        ['What is 1 + 2?', '', '3', 'It', ' ', 'is', ' ', '3.']
    """

    _cached_setup: AgentSetup | None = None

    def __init__(
        self,
        model: Runnable[Any, AIMessage],
        tools: Iterable[Any] = (),
        *,
        system_prompt: str | SystemMessage | None = None,
        response_format: Any = None,
        max_steps: int = DEFAULT_MAX_STEPS,
        handle_tool_errors: bool = False,
        name: str | None = None,
    ) -> None:
        if isinstance(tools, (str, Mapping)) or not isinstance(cast("object", tools), Iterable):
            raise ConfigError(f"An agent takes a list of tools, got {tools!r}.")
        self.model = model
        self.tools = list(tools)
        self.system_prompt = system_prompt
        self.response_format = response_format
        self.max_steps = max_steps
        self.handle_tool_errors = handle_tool_errors
        self.name = name
        if max_steps < 1:
            raise ConfigError(
                f"max_steps={max_steps!r}: expected a whole number, 1 or more; the model must "
                "answer at least once"
            )
        self._setup()  # refuses now what does not fit

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_"):
            self._cached_setup = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._cached_setup = None

    def __repr__(self) -> str:
        settings = {
            key: value for key, value in self._settings().items() if value != _DEFAULTS.get(key)
        }
        model, tools = settings.pop("model"), ", ".join(map(show, self.tools))
        options = [
            f"{key}={show(hide(value, key))}" for key, value in settings.items() if key != "tools"
        ]
        return f"create_agent({', '.join([repr(model), f'[{tools}]', *options])})"

    def _setup(self) -> AgentSetup:
        if self._cached_setup is None:
            self._cached_setup = AgentSetup(
                self.model,
                self.tools,
                self.system_prompt,
                self.response_format,
                handle_tool_errors=self.handle_tool_errors,
            )
        return self._cached_setup

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it is the same for all
        """Return how chunks merge: messages append, and the last structured answer counts."""
        return ByKey({
            "messages": CustomMerge(join_conversation),
            "approval_requests": SNAPSHOTS,
            "structured_response": SNAPSHOTS,
        })  # fmt: skip

    @property
    def may_restart(self) -> bool:
        """Tell whether the model's stream may start over."""
        return self.model.may_restart

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.model, *self._setup().tools.runnables.values())

    @property
    def InputType(self) -> Any:
        """Return the type of a dict with "messages"."""
        return AgentMessages

    @property
    def _accepted_type(self) -> Any:
        return Any

    @property
    def OutputType(self) -> Any:
        """Return the type of a dict with "messages", and "structured_response" if there is one."""
        return AgentState if self.response_format is None else AgentAnswer[Any]

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a pydantic model with a list of messages, and approvals where a tool may ask."""
        fields: dict[str, Any] = {"messages": list[AnyMessage]}
        if self._setup().tools.may_ask:  # no model may answer, where the agent is a tool
            fields["approvals"] = (Annotated[dict[str, ApprovalAnswer], InjectedToolArg], {})
        return fields_schema(self.get_name("input"), fields)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a pydantic model with the conversation, and the structured answer if any."""
        fields: dict[str, Any] = {"messages": list[AnyMessage]}
        if self._setup().tools.may_ask:
            fields["approval_requests"] = (list[ApprovalRequest], [])
        if (schema := self.response_format) is not None:
            from runnables.models.structured.schemas import answer_schema  # it loads the tools

            schema = answer_schema(schema)
            is_json_schema = isinstance(schema, Mapping)
            fields["structured_response"] = dict[str, Any] if is_json_schema else schema
        return fields_schema(self.get_name("output"), fields)

    # -- invoked

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        chat, setup = self._begin(value, kwargs), self._setup()
        while not chat.over:
            try:
                if chat.requests:
                    results = setup.tools.run_all(chat.requests, scope, chat.gate())
                    chat.add_results(results, setup.tools.ends)
                else:
                    config = child_config(scope, chat.step)
                    chat.add_answer(setup.model.invoke(setup.prompt_messages(chat), config))
            except Exception as error:
                add_location(error, chat.step)
                raise
        if setup.structured_model is None or chat.approval_requests:
            return chat.state()
        config = child_config(scope, STRUCTURED)
        response = setup.structured_model.invoke(setup.structured_prompt(chat), config)
        return chat.state(structured_response=response)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        chat, setup = self._begin(value, kwargs), self._setup()
        while not chat.over:
            try:
                if chat.requests:
                    results = await setup.tools.arun_all(chat.requests, scope, chat.gate())
                    chat.add_results(results, setup.tools.ends)
                else:
                    config = child_config(scope, chat.step)
                    chat.add_answer(await setup.model.ainvoke(setup.prompt_messages(chat), config))
            except Exception as error:
                add_location(error, chat.step)
                raise
        if setup.structured_model is None or chat.approval_requests:
            return chat.state()
        config = child_config(scope, STRUCTURED)
        response = await setup.structured_model.ainvoke(setup.structured_prompt(chat), config)
        return chat.state(structured_response=response)

    def _begin(self, value: Any, kwargs: dict[str, Any]) -> Conversation:
        refuse_options(self, kwargs)
        messages, answers = read_input(value)
        return Conversation(messages, answers, self.max_steps, self.get_name())

    # -- streamed

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        chat, setup = self._begin(collect(input), kwargs), self._setup()
        yield chat.state()
        while not chat.over:
            next_chunks = self._stream_tools if chat.requests else self._stream_answer
            step = next_chunks(chat, scope, info)
            try:
                yield from step
            except Exception as error:
                add_location(error, chat.step)
                raise
            finally:
                step.close()
        if chat.approval_requests:
            yield {"approval_requests": chat.approval_requests}
        elif setup.structured_model is not None:
            config = child_config(scope, STRUCTURED)
            chunks = setup.structured_model.stream(setup.structured_prompt(chat), config)
            try:
                for chunk in chunks:
                    yield {"structured_response": chunk}
            finally:
                close(chunks)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        chat, setup = self._begin(await acollect(input), kwargs), self._setup()
        yield chat.state()
        while not chat.over:
            next_chunks = self._astream_tools if chat.requests else self._astream_answer
            step = next_chunks(chat, scope, info)
            try:
                async for chunk in owned(step):
                    yield chunk
            except Exception as error:
                add_location(error, chat.step)
                raise
            finally:
                await step.aclose()
        if chat.approval_requests:
            yield {"approval_requests": chat.approval_requests}
        elif setup.structured_model is not None:
            config = child_config(scope, STRUCTURED)
            chunks = setup.structured_model.astream(setup.structured_prompt(chat), config)
            try:
                async for chunk in owned(chunks):
                    yield {"structured_response": chunk}
            finally:
                await aclose(chunks)

    def _stream_answer(
        self, chat: Conversation, scope: Scope | None, info: StreamInfo
    ) -> Generator[Any, None, None]:
        """Yield the chunks of the model's next answer."""
        setup = self._setup()
        chunks = setup.model.stream(setup.prompt_messages(chat), child_config(scope, chat.step))
        info.adopt(chunks)
        try:
            for chunk in chunks:
                yield from chat.add_chunk(chunk, chunks)
        finally:
            close(chunks)
        chat.end_answer(chunks)

    async def _astream_answer(
        self, chat: Conversation, scope: Scope | None, info: StreamInfo
    ) -> AsyncGenerator[Any, None]:
        """Yield the chunks of the model's next answer."""
        setup = self._setup()
        chunks = setup.model.astream(setup.prompt_messages(chat), child_config(scope, chat.step))
        info.adopt(chunks)
        try:
            async for chunk in owned(chunks):
                for update in chat.add_chunk(chunk, chunks):
                    yield update
        finally:
            await aclose(chunks)
        chat.end_answer(chunks)

    def _stream_tools(
        self, chat: Conversation, scope: Scope | None, info: StreamInfo
    ) -> Generator[Any, None, None]:
        """Yield the results of the tools, each when those before it are there."""
        tools, results = self._setup().tools, list[Any]()
        messages = tools.stream_all(chat.requests, scope, chat.gate(), info.outer)
        try:
            for message in messages:
                results.append(message)
                if isinstance(message, ToolMessage):  # not a request for approval
                    yield {"messages": [message]}
        finally:
            messages.close()
        chat.add_results(results, tools.ends)

    async def _astream_tools(
        self, chat: Conversation, scope: Scope | None, info: StreamInfo
    ) -> AsyncGenerator[Any, None]:
        """Yield the results of the tools, each when those before it are there."""
        tools, results = self._setup().tools, list[Any]()
        messages = tools.astream_all(chat.requests, scope, chat.gate(), info.outer)
        try:
            async for message in owned(messages):
                results.append(message)
                if isinstance(message, ToolMessage):  # not a request for approval
                    yield {"messages": [message]}
        finally:
            await messages.aclose()
        chat.add_results(results, tools.ends)
