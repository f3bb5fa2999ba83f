"""Steps of users that are written with LangChain's helpers, such as `_call_with_config`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from runnables import (
    ConfigurableField,
    Event,
    Runnable,
    RunnableConfig,
    RunnableLambda,
    RunnableSerializable,
    merge_chunks,
)
from tests.both_modes import Call

INNER = RunnableLambda(lambda number: number - 7)


class Minus(RunnableSerializable[dict[str, int], dict[str, int]]):
    """As LangChain's guide writes it: the work is a method, which `invoke` hands over."""

    output_key: str

    def invoke(
        self, input: dict[str, int], config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, int]:
        return self._call_with_config(self.minus, input, config, **kwargs)

    def minus(self, input: dict[str, int], **kwargs: Any) -> dict[str, int]:
        return {self.output_key: INNER.invoke(input["foo"]), **kwargs}


class Letters(Runnable[str, str]):
    """Has all four methods, each of which hands over to a function."""

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return self._call_with_config(self.loud, input, config, run_type="parser", **kwargs)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return await self._acall_with_config(self.aloud, input, config, **kwargs)

    def transform(
        self, input: Iterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[str]:
        yield from self._transform_stream_with_config(input, self.letters, config, **kwargs)

    async def atransform(
        self, input: AsyncIterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[str]:
        async for letter in self._atransform_stream_with_config(
            input, self.aletters, config, **kwargs
        ):
            yield letter

    def loud(self, text: str, run_manager: Any, config: RunnableConfig) -> str:
        assert run_manager.tags == config["tags"]
        return text.upper() + "".join(config["tags"])

    async def aloud(self, text: str, run_manager: Any, config: RunnableConfig) -> str:
        await asyncio.sleep(0)
        return self.loud(text, run_manager, config)

    def letters(self, chunks: Iterator[str], config: RunnableConfig) -> Iterator[str]:
        for chunk in chunks:
            yield from chunk.upper()
        yield from config["tags"]

    async def aletters(
        self, chunks: AsyncIterator[str], config: RunnableConfig
    ) -> AsyncIterator[str]:
        async for chunk in chunks:
            for letter in chunk.upper():
                yield letter
        for tag in config["tags"]:
            yield tag


def test_a_step_of_langchains_guide_runs(call: Call) -> None:
    """Alone, in a pipe, with a configurable field, and with options."""
    step = Minus(output_key="bar")
    assert call.invoke(step, {"foo": 10}) == {"bar": 3}
    assert call.invoke(step | str, {"foo": 10}) == "{'bar': 3}"
    assert call.batch(step, [{"foo": 8}, {"foo": 9}]) == [{"bar": 1}, {"bar": 2}]
    chosen = step.configurable_fields(output_key=ConfigurableField(id="key"))
    assert call.invoke(chosen, {"foo": 10}, {"configurable": {"key": "baz"}}) == {"baz": 3}
    assert step.invoke({"foo": 10}, more=1) == {"bar": 3, "more": 1}


def test_all_four_helpers_pass_the_config_on(call: Call) -> None:
    """Each function gets the config and the `run_manager` that it has parameters for."""
    config: Any = {"tags": ["t"]}
    assert call.invoke(Letters(), "ab", config) == "ABt"
    assert call.batch(Letters(), ["ab"], config) == ["ABt"]
    chunks = call.stream(RunnableLambda(str) | Letters(), "ab", config)
    assert chunks == ["A", "B", "t"]
    assert merge_chunks(call.stream(Letters() | str.lower, "ab", config)) == "abt"


def test_it_is_one_run_with_the_calls_of_the_function_inside(call: Call) -> None:
    """The name and the id of the step are not those of what the function calls."""
    seen: list[tuple[str, str, bool]] = []

    class Watch:
        def on_event(self, event: Event) -> None:
            seen.append((event.kind, event.name, event.parent_id is None))

    config: Any = {"callbacks": [Watch()], "run_name": "mine", "run_id": "one"}
    call.invoke(Minus(output_key="bar"), {"foo": 10}, config)
    kinds = [(kind, is_outermost) for kind, _, is_outermost in seen]
    assert kinds == [("start", True), ("start", False), ("end", False), ("end", True)]
    assert [name for _, name, _ in seen].count("mine") == 2


def test_a_helper_that_is_called_without_a_config_joins_the_call_around() -> None:
    """A step may leave the config out; and it may be called outside of any run."""

    class Tags(Runnable[str, str]):
        def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            return self._call_with_config(self.tags, input, None)

        def tags(self, text: str, config: RunnableConfig) -> str:
            return text + "".join(config["tags"])

    assert Tags().invoke("a", {"tags": ["b"]}) == "ab"
    assert Tags().invoke("a") == "a"
    assert Tags()._call_with_config(len, "abc", None) == 3
    assert Tags()._call_with_config(int, "3", {"tags": ["b"]}) == 3
