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
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, cast

from typing_extensions import TypedDict

from runnables.agents.conversation import InOrder, Request, Talk, join_conversation, messages_in
from runnables.agents.setup import Parts
from runnables.agents.toolbox import where
from runnables.compose.runnable import Runnable
from runnables.core.batching import stand
from runnables.core.config import AMBIENT, refuse_options
from runnables.core.error_notes import note
from runnables.core.schemas import fields_schema
from runnables.core.values import show
from runnables.engine import (
    Declared,
    TaskFanOut,
    ThreadFanOut,
    aclose,
    acollect,
    ainterleave,
    close,
    collect,
    inner,
    interleave,
)
from runnables.engine.merging import SNAPSHOTS, ByKey, Joined, Merge
from runnables.errors import ConfigError
from runnables.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    MessageLikeRepresentation,
    PromptValue,
    SystemMessage,
    ToolMessage,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope

T = TypeVar("T")
State = TypeVar("State", covariant=True)

DEFAULT_MAX_STEPS: Final = 25
"""How often the model answers where nobody says it; as often as LangGraph takes steps."""

_DEFAULTS: Final[Mapping[str, Any]] = {"max_steps": DEFAULT_MAX_STEPS, "handle_tool_errors": False}


class AgentMessages(TypedDict):
    """What an agent takes."""

    messages: Sequence[MessageLikeRepresentation]


class AgentState(TypedDict):
    """What an agent gives: the whole conversation."""

    messages: list[BaseMessage]


class AgentAnswer(AgentState, Generic[T]):
    """What an agent with a `response_format` gives: also the answer in its form."""

    structured_response: T


AgentInput: TypeAlias = (
    str | Sequence[MessageLikeRepresentation] | PromptValue | AgentMessages | AgentState
)
"""What an agent takes: a conversation, as a dict with "messages" or by itself, or a text."""


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
        self._made: Parts | None = None
        self._parts()  # what does not fit is refused now

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._made = None

    def __repr__(self) -> str:
        said = {key: it for key, it in self._settings().items() if it != _DEFAULTS.get(key)}
        model, tools = said.pop("model"), ", ".join(map(show, self.tools))
        options = [f"{key}={show(it)}" for key, it in said.items() if key != "tools"]
        return f"create_agent({', '.join([repr(model), f'[{tools}]', *options])})"

    def _parts(self) -> Parts:
        if self._made is None:
            self._made = Parts(
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
        return ByKey({"messages": Joined(join_conversation), "structured_response": SNAPSHOTS})

    @property
    def restarts(self) -> bool:
        """Where the model's stream does."""
        return self.model.restarts

    def _inner(self) -> Iterable[Runnable[Any, Any]]:
        return (self.model, *self._parts().tools.runnables.values())

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
        talk, parts = self._begin(value, kwargs), self._parts()
        while not talk.over:
            try:
                if talk.requests:
                    answers = self._use(talk.requests, scope)
                    talk.answered(answers, last=parts.tools.ends(talk.requests, answers))
                else:
                    talk.hear(parts.model.invoke(parts.asked(talk), _at(scope, talk.where)))
            except Exception as error:
                note(error, talk.where)
                raise
        if parts.former is None:
            return talk.state()
        form = parts.former.invoke(parts.asked_for_form(talk), _at(scope, "the form"))
        return talk.state(structured_response=form)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        talk, parts = self._begin(value, kwargs), self._parts()
        while not talk.over:
            try:
                if talk.requests:
                    answers = await self._ause(talk.requests, scope)
                    talk.answered(answers, last=parts.tools.ends(talk.requests, answers))
                else:
                    talk.hear(await parts.model.ainvoke(parts.asked(talk), _at(scope, talk.where)))
            except Exception as error:
                note(error, talk.where)
                raise
        if parts.former is None:
            return talk.state()
        form = await parts.former.ainvoke(parts.asked_for_form(talk), _at(scope, "the form"))
        return talk.state(structured_response=form)

    def _begin(self, value: Any, kwargs: dict[str, Any]) -> Talk:
        refuse_options(self, kwargs)
        return Talk(messages_in(value), self.max_steps, self.get_name())

    def _use(self, requests: Sequence[Request], scope: Scope | None) -> list[ToolMessage]:
        """The answers of the tools, in the order of the requests."""
        slots, outside, scope = stand(scope)

        def work(_: int, request: Request) -> ToolMessage:
            return self._serve(request, scope)

        fan_out = ThreadFanOut(work, iter(requests), slots, outside=outside)
        fan_out.inside(AMBIENT, scope)
        return fan_out.run(len(requests))

    async def _ause(self, requests: Sequence[Request], scope: Scope | None) -> list[ToolMessage]:
        """The answers of the tools, in the order of the requests."""
        slots, outside, scope = stand(scope)

        async def work(_: int, request: Request) -> ToolMessage:
            return await self._aserve(request, scope)

        fan_out = TaskFanOut(work, iter(requests), slots, outside=outside)
        fan_out.inside(AMBIENT, scope)
        return await fan_out.run(len(requests))

    def _serve(self, request: Request, scope: Scope) -> ToolMessage:
        """The answer to one request."""
        tools = self._parts().tools
        tool = tools.choose(request)
        if tool is None:
            return tools.refused(request)
        try:
            return tools.answer(request, tool.invoke(request, _at(scope, where(request))))
        except Exception as error:
            return tools.told(request, error)

    async def _aserve(self, request: Request, scope: Scope) -> ToolMessage:
        """The answer to one request."""
        tools = self._parts().tools
        tool = tools.choose(request)
        if tool is None:
            return tools.refused(request)
        try:
            return tools.answer(request, await tool.ainvoke(request, _at(scope, where(request))))
        except Exception as error:
            return tools.told(request, error)

    # -- in pieces

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        talk, parts = self._begin(collect(input), kwargs), self._parts()
        yield talk.state()
        while not talk.over:
            pieces = self._used(talk, scope) if talk.requests else self._said(talk, scope)
            try:
                yield from pieces
            except Exception as error:
                note(error, talk.where)
                raise
            finally:
                pieces.close()
        if parts.former is not None:
            chunks = parts.former.stream(parts.asked_for_form(talk), _at(scope, "the form"))
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
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        talk, parts = self._begin(await acollect(input), kwargs), self._parts()
        yield talk.state()
        while not talk.over:
            pieces = self._aused(talk, scope) if talk.requests else self._asaid(talk, scope)
            try:
                async for piece in pieces:
                    yield piece
            except Exception as error:
                note(error, talk.where)
                raise
            finally:
                await pieces.aclose()
        if parts.former is not None:
            chunks = parts.former.astream(parts.asked_for_form(talk), _at(scope, "the form"))
            try:
                async for chunk in inner(chunks):
                    yield {"structured_response": chunk}
            finally:
                await aclose(chunks)

    def _said(self, talk: Talk, scope: Scope | None) -> Generator[Any, None, None]:
        """The pieces of the model's next answer."""
        parts = self._parts()
        chunks = parts.model.stream(parts.asked(talk), _at(scope, talk.where))
        try:
            for chunk in chunks:
                yield from talk.hear_piece(chunk, chunks)
        finally:
            close(chunks)
        talk.hear_end(chunks)

    async def _asaid(self, talk: Talk, scope: Scope | None) -> AsyncGenerator[Any, None]:
        """The pieces of the model's next answer."""
        parts = self._parts()
        chunks = parts.model.astream(parts.asked(talk), _at(scope, talk.where))
        try:
            async for chunk in inner(chunks):
                for piece in talk.hear_piece(chunk, chunks):
                    yield piece
        finally:
            await aclose(chunks)
        talk.hear_end(chunks)

    def _used(self, talk: Talk, scope: Scope | None) -> Generator[Any, None, None]:
        """The answers of the tools, each when those before it are there."""
        slots, outside, scope = stand(scope)
        makers = {
            at: partial(self._one, request, scope) for at, request in enumerate(talk.requests)
        }
        ordered = InOrder()
        pairs = interleave(makers, slots, outside=outside)
        try:
            for at, answer in pairs:
                for message in ordered.add(at, answer):
                    yield {"messages": [message]}
        finally:
            pairs.close()
        talk.answered(ordered.all, last=self._parts().tools.ends(talk.requests, ordered.all))

    async def _aused(self, talk: Talk, scope: Scope | None) -> AsyncGenerator[Any, None]:
        """The answers of the tools, each when those before it are there."""
        slots, outside, scope = stand(scope)
        makers = {
            at: partial(self._aone, request, scope) for at, request in enumerate(talk.requests)
        }
        ordered = InOrder()
        pairs = ainterleave(makers, slots, outside=outside)
        try:
            async for at, answer in pairs:
                for message in ordered.add(at, answer):
                    yield {"messages": [message]}
        finally:
            await pairs.aclose()
        talk.answered(ordered.all, last=self._parts().tools.ends(talk.requests, ordered.all))

    def _one(self, request: Request, scope: Scope) -> Generator[ToolMessage, None, None]:
        yield self._serve(request, scope)

    async def _aone(self, request: Request, scope: Scope) -> AsyncGenerator[ToolMessage, None]:
        yield await self._aserve(request, scope)


def _at(scope: Scope | None, label: str) -> RunnableConfig | None:
    """The config for a call inside of an agent."""
    tag = "agent:" + label.replace(" ", ":").replace('"', "")
    return None if scope is None else scope.step(tag, label).config
