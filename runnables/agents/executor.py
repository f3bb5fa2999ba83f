"""`AgentExecutor`: the loop of an agent that decides on actions, as LangChain up to 0.3 has it."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from runnables.agents.actions import AgentAction, AgentStep
from runnables.agents.progress import Progress, join_chunks
from runnables.agents.toolbox import Toolbox, child_config
from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.runnable import Runnable
from runnables.core.config import Scope
from runnables.core.console import ConsoleHandler
from runnables.core.error_notes import add_location
from runnables.core.options import refuse_options
from runnables.core.signatures import checks_keywords
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import CustomMerge, Merge
from runnables.engine.stream import StreamInfo, owned
from runnables.errors import ConfigError, ModelRefusalError, OutputParserException

if TYPE_CHECKING:
    from runnables.engine.contexts import Receiver

MISREAD: Final = "_Exception"
"""The tool of an action that stands for an answer which cannot be parsed; as in LangChain."""


class AgentExecutor(Runnable[dict[str, Any], dict[str, Any]], internal=True):
    """A loop that runs the actions of an agent until it has finished, as in LangChain up to 0.3.

    New code is shorter with `create_agent`. This is for agents that `create_tool_calling_agent`
    makes, or that are piped by hand: runnables that take the input and "intermediate_steps", a list
    of pairs `(action, observation)`, and return `AgentAction`s or an `AgentFinish`.

    The input is a dict. The output is the same dict with "output", and with "intermediate_steps" if
    they are wanted. The stream has a chunk for each action (`{"actions": [...], "messages":
    [...]}`), for the result of each tool (`{"steps": [...], "messages": [...]}`), and for the
    answer (`{"output": ..., "messages": [...]}`). The actions of one decision run at once, within
    the limit of the call. Errors of tools are handled as `create_agent` does.

    Args:
        agent: the agent.
        tools: its tools; other runnables and functions become tools.
        verbose: whether to print what the agent and its tools do, with a `ConsoleHandler`.
        max_iterations: how often the agent may decide; None: without a limit.
        max_execution_time: the seconds after which it may not decide again. It is looked at between
            two steps; `with_timeout` ends a step, too.
        early_stopping_method: "force" returns a sentence as the output where a limit is reached,
            as LangChain does; by default it is an error.
        handle_parsing_errors: whether the agent gets the error of an answer that cannot be parsed,
            and goes on: True, or the words for it, or a function of the error that returns them.
        return_intermediate_steps: whether the steps are in the output.
        name: its name in events and error notes.

    Raises:
        ConfigError: something that is no tool, two tools of one name, a tool that needs approval,
            or a limit below 1.
        StepLimitError: when run, a limit is reached; it carries the messages of the steps.
        OutputParserException: when run, an answer that cannot be parsed.
        TypeError: when run, an input that is no dict, or an agent that returns something else.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> @tool
        ... def add(a: int, b: int) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> request = tool_call(name="add", args={"a": 1, "b": 2}, id="call_1")
        >>> model = ScriptedChatModel([AIMessage(tool_calls=[request]), "It is 3."], cycle=True)
        >>> prompt = ChatPromptTemplate(
        ...     [("human", "{input}"), ("placeholder", "{agent_scratchpad}")]
        ... )
        >>> executor = AgentExecutor(create_tool_calling_agent(model, [add], prompt), [add])
        >>> executor.invoke({"input": "1 + 2?"})
        {'input': '1 + 2?', 'output': 'It is 3.'}
        >>> [list(chunk) for chunk in executor.stream({"input": "1 + 2?"})]
        [['actions', 'messages'], ['steps', 'messages'], ['output', 'messages']]
    """

    merge: Merge = CustomMerge(join_chunks)

    @checks_keywords
    def __init__(
        self,
        agent: Any,
        tools: Sequence[Any],
        *,
        verbose: bool = False,
        max_iterations: int | None = 15,
        max_execution_time: float | None = None,
        early_stopping_method: Literal["force"] | None = None,
        handle_parsing_errors: bool | str | Callable[[OutputParserException], str] = False,
        return_intermediate_steps: bool = False,
        name: str | None = None,
    ) -> None:
        self.agent: Runnable[Any, Any] = coerce_to_runnable(agent)
        self.tools = list(Toolbox(tools, handle_errors=False, bare=True).runnables.values())
        self.verbose = verbose
        self.max_iterations = max_iterations
        self.max_execution_time = max_execution_time
        self.early_stopping_method = early_stopping_method
        self.handle_parsing_errors = handle_parsing_errors
        self.return_intermediate_steps = return_intermediate_steps
        self.name = name
        if max_iterations is not None and max_iterations < 1:
            raise ConfigError(f"max_iterations={max_iterations!r}: expected 1 or more, or None")
        if early_stopping_method not in (None, "force"):
            raise ConfigError(
                f"early_stopping_method={early_stopping_method!r}: expected 'force', or nothing"
            )

    @classmethod
    def from_agent_and_tools(
        cls, agent: Any, tools: Sequence[Any], **options: Any
    ) -> AgentExecutor:
        """Return an executor of this agent; the constructor under another name."""
        return cls(agent, tools, **options)

    @property
    def InputType(self) -> Any:
        """Return the type of a dict."""
        return dict[str, Any]

    @property
    def OutputType(self) -> Any:
        """Return the type of a dict."""
        return dict[str, Any]

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.agent, *self.tools)

    # -- running

    def _begin(
        self, value: Any, scope: Scope | None, kwargs: dict[str, Any]
    ) -> tuple[Progress, Scope | None]:
        """Return the state of one call, and the scope of the calls inside it."""
        refuse_options(self, kwargs)
        if not isinstance(value, Mapping):
            raise TypeError(f"{self.get_name()}: expected a dict as its input, got {value!r}")
        if self.verbose:
            scope = Scope(scope).merged({"callbacks": [ConsoleHandler()]})
        tools = Toolbox(self.tools, handle_errors=False, bare=True)
        return Progress(self, tools, cast("Mapping[str, Any]", value)), scope

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        chunks = self._chunks(value, scope, kwargs, None)
        return join_chunks([chunk for chunk in chunks])  # noqa: C416 - as async

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        chunks = self._achunks(value, scope, kwargs, None)
        return join_chunks([chunk async for chunk in owned(chunks)])

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], info: StreamInfo
    ) -> Generator[Any, None, None]:
        with closing(self._chunks(collect(input), scope, kwargs, info.outer)) as chunks:
            yield from chunks

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        async with aclosing(
            self._achunks(await acollect(input), scope, kwargs, info.outer)
        ) as chunks:
            async for chunk in owned(chunks):
                yield chunk

    def _chunks(
        self, value: Any, scope: Scope | None, kwargs: dict[str, Any], outer: Receiver | None
    ) -> Generator[Any, None, None]:
        progress, scope = self._begin(value, scope, kwargs)
        while progress.last is None:
            try:
                yield from progress.add_decision(self._decide(progress, scope))
                stream = progress.tools.stream_all(progress.requests, scope, None, outer)
                with closing(stream) as results:
                    for result in results:
                        yield progress.add_result(result)
            except Exception as error:
                add_location(error, progress.step)
                raise
            progress.end_step()
        yield progress.last

    async def _achunks(
        self, value: Any, scope: Scope | None, kwargs: dict[str, Any], outer: Receiver | None
    ) -> AsyncGenerator[Any, None]:
        progress, scope = self._begin(value, scope, kwargs)
        while progress.last is None:
            try:
                for chunk in progress.add_decision(await self._adecide(progress, scope)):
                    yield chunk
                stream = progress.tools.astream_all(progress.requests, scope, None, outer)
                async with aclosing(stream) as results:
                    async for result in owned(results):
                        yield progress.add_result(result)
            except Exception as error:
                add_location(error, progress.step)
                raise
            progress.end_step()
        yield progress.last

    def _decide(self, progress: Progress, scope: Scope | None) -> Any:
        """Return what the agent decides, or its answer that cannot be parsed, as a step."""
        try:
            config = child_config(scope, progress.step)
            return self.agent.invoke(progress.agent_input(), config)
        except OutputParserException as error:
            return self._misread(error)

    async def _adecide(self, progress: Progress, scope: Scope | None) -> Any:
        """Do what `_decide` does, async."""
        try:
            config = child_config(scope, progress.step)
            return await self.agent.ainvoke(progress.agent_input(), config)
        except OutputParserException as error:
            return self._misread(error)

    def _misread(self, error: OutputParserException) -> AgentStep:
        """Return the step by which the agent gets the error; raise one that it does not get."""
        handling = self.handle_parsing_errors
        if not handling or isinstance(error, ModelRefusalError):
            raise error
        words = handling(error) if callable(handling) else handling
        if words is True:
            words = error.observation or str(error)
        return AgentStep(AgentAction(MISREAD, words, error.llm_output or ""), words)
