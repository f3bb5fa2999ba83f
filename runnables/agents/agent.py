"""A model that uses tools until it knows the answer."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.agents.conversation import (
    Conversation,
    InOrder,
    ToolRequest,
    join_conversation,
    messages_in,
)
from runnables.agents.setup import AgentSetup
from runnables.agents.toolbox import where
from runnables.agents.types import AgentAnswer, AgentInput, AgentMessages, AgentState, State
from runnables.compose.runnable import Runnable
from runnables.core.batching import enter_limit
from runnables.core.config import CURRENT_SCOPE, refuse_options
from runnables.core.error_notes import add_location
from runnables.core.schemas import fields_schema
from runnables.core.values import show
from runnables.engine.collect import acollect, collect
from runnables.engine.interleave import ainterleave, interleave
from runnables.engine.merging import SNAPSHOTS, ByKey, CustomMerge, Merge
from runnables.engine.stream import StreamInfo, aclose, close, raw_iterator
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.thread_fan_out import ThreadFanOut
from runnables.errors import ConfigError
from runnables.messages.kinds import AnyMessage

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope
    from runnables.messages.ai import AIMessage
    from runnables.messages.roles import SystemMessage, ToolMessage


DEFAULT_MAX_STEPS: Final = 25
"""How often the model answers where nobody says it; as often as LangGraph takes steps."""

_DEFAULTS: Final[Mapping[str, Any]] = {"max_steps": DEFAULT_MAX_STEPS, "handle_tool_errors": False}


class Agent(Runnable[AgentInput, State], internal=True):
    """A model that uses tools until it knows the answer; made by `create_agent`.

    The tools of one answer run at once, within the limit of the call, and their results stand in
    the order of the calls. A conversation that ends with calls goes on with them.

    The stream's chunks are dicts with "messages": first the given ones, then the pieces of each
    answer as the model speaks, and the answers of tools, each as soon as those before it are
    there. At last come the states of "structured_response", each more complete. Pieces of one
    answer that follow one another are one message.
    """

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
            raise ConfigError(f"max_steps={max_steps!r}: the model must answer once, at least")
        self._made: AgentSetup | None = None
        self._setup()  # what does not fit is refused now

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._made = None

    def __repr__(self) -> str:
        said = {key: it for key, it in self._settings().items() if it != _DEFAULTS.get(key)}
        model, tools = said.pop("model"), ", ".join(map(show, self.tools))
        options = [f"{key}={show(it)}" for key, it in said.items() if key != "tools"]
        return f"create_agent({', '.join([repr(model), f'[{tools}]', *options])})"

    def _setup(self) -> AgentSetup:
        if self._made is None:
            self._made = AgentSetup(
                self.model,
                self.tools,
                self.system_prompt,
                self.response_format,
                handle_tool_errors=self.handle_tool_errors,
            )
        return self._made

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it is the same for all
        """Messages one after the other, pieces of an answer joined; the last structured answer."""
        return ByKey({"messages": CustomMerge(join_conversation), "structured_response": SNAPSHOTS})

    @property
    def may_restart(self) -> bool:
        """Where the model's stream does."""
        return self.model.may_restart

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.model, *self._setup().tools.runnables.values())

    @property
    def InputType(self) -> Any:
        """A dict with "messages"."""
        return AgentMessages

    @property
    def _accepted_type(self) -> Any:
        return Any

    @property
    def OutputType(self) -> Any:
        """A dict with "messages", and "structured_response" where there is a form for it."""
        return AgentState if self.response_format is None else AgentAnswer[Any]

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """A pydantic model with a list of messages."""
        return fields_schema(self.get_name("input"), {"messages": list[AnyMessage]})

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """A pydantic model with the conversation, and the answer where it has a form."""
        fields: dict[str, Any] = {"messages": list[AnyMessage]}
        if (form := self.response_format) is not None:
            fields["structured_response"] = dict[str, Any] if isinstance(form, Mapping) else form
        return fields_schema(self.get_name("output"), fields)

    # -- whole

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        chat, setup = self._begin(value, kwargs), self._setup()
        while not chat.over:
            try:
                if chat.requests:
                    answers = self._use(chat.requests, scope)
                    chat.answered(answers, last=setup.tools.ends(chat.requests, answers))
                else:
                    chat.add_answer(
                        setup.model.invoke(
                            setup.prompt_messages(chat),
                            _child_config(scope, chat.where),
                        )
                    )
            except Exception as error:
                add_location(error, chat.where)
                raise
        if setup.structured_model is None:
            return chat.state()
        form = setup.structured_model.invoke(
            setup.structured_prompt(chat), _child_config(scope, "the form")
        )
        return chat.state(structured_response=form)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        chat, setup = self._begin(value, kwargs), self._setup()
        while not chat.over:
            try:
                if chat.requests:
                    answers = await self._ause(chat.requests, scope)
                    chat.answered(answers, last=setup.tools.ends(chat.requests, answers))
                else:
                    chat.add_answer(
                        await setup.model.ainvoke(
                            setup.prompt_messages(chat),
                            _child_config(scope, chat.where),
                        )
                    )
            except Exception as error:
                add_location(error, chat.where)
                raise
        if setup.structured_model is None:
            return chat.state()
        form = await setup.structured_model.ainvoke(
            setup.structured_prompt(chat), _child_config(scope, "the form")
        )
        return chat.state(structured_response=form)

    def _begin(self, value: Any, kwargs: dict[str, Any]) -> Conversation:
        refuse_options(self, kwargs)
        return Conversation(messages_in(value), self.max_steps, self.get_name())

    def _use(self, requests: Sequence[ToolRequest], scope: Scope | None) -> list[ToolMessage]:
        """The answers of the tools, in the order of the requests."""
        slots, owns_limit, scope = enter_limit(scope)

        def work(_: int, request: ToolRequest) -> ToolMessage:
            return self._serve(request, scope)

        fan_out = ThreadFanOut(work, iter(requests), slots, owns_limit=owns_limit)
        fan_out.inside(CURRENT_SCOPE, scope)
        return fan_out.run(len(requests))

    async def _ause(
        self, requests: Sequence[ToolRequest], scope: Scope | None
    ) -> list[ToolMessage]:
        """The answers of the tools, in the order of the requests."""
        slots, owns_limit, scope = enter_limit(scope)

        async def work(_: int, request: ToolRequest) -> ToolMessage:
            return await self._aserve(request, scope)

        fan_out = TaskFanOut(work, iter(requests), slots, owns_limit=owns_limit)
        fan_out.inside(CURRENT_SCOPE, scope)
        return await fan_out.run(len(requests))

    def _serve(self, request: ToolRequest, scope: Scope) -> ToolMessage:
        """The answer to one request."""
        tools = self._setup().tools
        tool = tools.choose(request)
        if tool is None:
            return tools.rejection(request)
        try:
            return tools.answer(request, tool.invoke(request, _child_config(scope, where(request))))
        except Exception as error:
            return tools.error_message(request, error)

    async def _aserve(self, request: ToolRequest, scope: Scope) -> ToolMessage:
        """The answer to one request."""
        tools = self._setup().tools
        tool = tools.choose(request)
        if tool is None:
            return tools.rejection(request)
        try:
            return tools.answer(
                request, await tool.ainvoke(request, _child_config(scope, where(request)))
            )
        except Exception as error:
            return tools.error_message(request, error)

    # -- in pieces

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
            pieces = self._used(chat, scope) if chat.requests else self._said(chat, scope)
            try:
                yield from pieces
            except Exception as error:
                add_location(error, chat.where)
                raise
            finally:
                pieces.close()
        if setup.structured_model is not None:
            chunks = setup.structured_model.stream(
                setup.structured_prompt(chat), _child_config(scope, "the form")
            )
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
            pieces = self._aused(chat, scope) if chat.requests else self._asaid(chat, scope)
            try:
                async for piece in pieces:
                    yield piece
            except Exception as error:
                add_location(error, chat.where)
                raise
            finally:
                await pieces.aclose()
        if setup.structured_model is not None:
            chunks = setup.structured_model.astream(
                setup.structured_prompt(chat), _child_config(scope, "the form")
            )
            try:
                async for chunk in raw_iterator(chunks):
                    yield {"structured_response": chunk}
            finally:
                await aclose(chunks)

    def _said(self, chat: Conversation, scope: Scope | None) -> Generator[Any, None, None]:
        """The pieces of the model's next answer."""
        setup = self._setup()
        chunks = setup.model.stream(setup.prompt_messages(chat), _child_config(scope, chat.where))
        try:
            for chunk in chunks:
                yield from chat.add_chunk(chunk, chunks)
        finally:
            close(chunks)
        chat.end_answer(chunks)

    async def _asaid(self, chat: Conversation, scope: Scope | None) -> AsyncGenerator[Any, None]:
        """The pieces of the model's next answer."""
        setup = self._setup()
        chunks = setup.model.astream(setup.prompt_messages(chat), _child_config(scope, chat.where))
        try:
            async for chunk in raw_iterator(chunks):
                for piece in chat.add_chunk(chunk, chunks):
                    yield piece
        finally:
            await aclose(chunks)
        chat.end_answer(chunks)

    def _used(self, chat: Conversation, scope: Scope | None) -> Generator[Any, None, None]:
        """The answers of the tools, each when those before it are there."""
        slots, owns_limit, scope = enter_limit(scope)
        makers = {
            at: partial(self._one, request, scope) for at, request in enumerate(chat.requests)
        }
        ordered = InOrder()
        pairs = interleave(makers, slots, owns_limit=owns_limit)
        try:
            for at, answer in pairs:
                for message in ordered.add(at, answer):
                    yield {"messages": [message]}
        finally:
            pairs.close()
        chat.answered(ordered.all, last=self._setup().tools.ends(chat.requests, ordered.all))

    async def _aused(self, chat: Conversation, scope: Scope | None) -> AsyncGenerator[Any, None]:
        """The answers of the tools, each when those before it are there."""
        slots, owns_limit, scope = enter_limit(scope)
        makers = {
            at: partial(self._aone, request, scope) for at, request in enumerate(chat.requests)
        }
        ordered = InOrder()
        pairs = ainterleave(makers, slots, owns_limit=owns_limit)
        try:
            async for at, answer in pairs:
                for message in ordered.add(at, answer):
                    yield {"messages": [message]}
        finally:
            await pairs.aclose()
        chat.answered(ordered.all, last=self._setup().tools.ends(chat.requests, ordered.all))

    def _one(self, request: ToolRequest, scope: Scope) -> Generator[ToolMessage, None, None]:
        yield self._serve(request, scope)

    async def _aone(self, request: ToolRequest, scope: Scope) -> AsyncGenerator[ToolMessage, None]:
        yield await self._aserve(request, scope)


def _child_config(scope: Scope | None, label: str) -> RunnableConfig | None:
    """The config for a call inside of an agent."""
    tag = "agent:" + label.replace(" ", ":").replace('"', "")
    return None if scope is None else scope.for_step(tag, label).config
