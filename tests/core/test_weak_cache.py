"""No cache keeps alive what a user made within one request: functions, classes, their captures."""

from __future__ import annotations

import functools
import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import (
    FakeListChatModel,
    PydanticOutputParser,
    Runnable,
    RunnableBranch,
    RunnableConfig,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StructuredTool,
    tool,
)
from runnables.core.signatures import takes_config
from runnables.core.weak_cache import weak_cache
from tests.both_modes import Call
from tests.laws.recorder import Recorder


class Upload:
    """Data of a request, which a function captures."""


def observed() -> RunnableConfig:
    return {"callbacks": [Recorder()]}


def plain(call: Call) -> Any:
    upload = Upload()
    call.invoke(RunnableLambda(lambda x: (upload, x)[1]), 1, observed())
    return upload


def with_config(call: Call) -> Any:
    upload = Upload()

    def function(x: int, config: RunnableConfig) -> int:
        return (upload, x)[1]

    call.invoke(RunnableLambda(function), 1)
    return upload


def partial(call: Call) -> Any:
    upload = Upload()
    call.invoke(RunnableLambda(functools.partial(lambda upload, x: x, upload)), 1, observed())
    return upload


def bound_method(call: Call) -> Any:
    class Service:
        def run(self, x: int) -> int:
            return x

    service = Service()
    call.invoke(RunnableLambda(service.run), 1, observed())
    return service


def callable_object(call: Call) -> Any:
    class Service:
        __hash__ = None  # type: ignore[assignment]  # such an object is no key of a dict

        def __call__(self, x: int) -> int:
            return x

    service = Service()
    call.invoke(RunnableLambda(service), 1, observed())
    return service


def class_method(call: Call) -> Any:
    class Service:
        @classmethod
        def run(cls, x: int) -> int:
            return x

    call.invoke(RunnableLambda(Service.run), 1, observed())
    return Service


def generator(call: Call) -> Any:
    upload = Upload()

    def chunks(values: Any) -> Any:
        for value in values:
            yield (upload, value)[1]

    call.stream(RunnableGenerator(chunks), 1, observed())
    return upload


def steps(call: Call) -> Any:
    upload = Upload()

    def step(x: Any) -> Any:
        return (upload, x)[1]

    chain = RunnableParallel(a=step, b=RunnableBranch((step, step), step))
    call.batch(chain | RunnablePassthrough.assign(c=step), [1, 2], observed())
    call.invoke(RunnableLambda(step).with_retry().with_fallbacks([step]).with_timeout(9), 1)
    return upload


def a_tool(call: Call) -> Any:
    upload = Upload()

    @tool
    def add(a: int, config: RunnableConfig) -> int:
        """Add."""
        return (upload, a)[1]

    assert add.args
    call.invoke(add, {"a": 1})
    return upload


def local_class() -> type[BaseModel]:
    class Row(BaseModel):
        a: int = 1

    return Row


def arguments_of_a_tool(call: Call) -> Any:
    kind = local_class()
    call.invoke(
        StructuredTool.from_function(lambda a: a, name="f", description="d", args_schema=kind),
        {"a": 1},
    )
    return kind


def parsed_class(call: Call) -> Any:
    kind = local_class()
    parser = PydanticOutputParser(pydantic_object=kind)
    call.invoke(parser, '{"a": 1}')
    call.stream(parser, '{"a": 1}')
    assert parser.get_format_instructions()
    return kind


def structured_output(call: Call) -> Any:
    kind = local_class()
    model = FakeListChatModel(responses=['{"a": 1}']).with_structured_output(kind)
    assert call.invoke(model, "x") == kind()
    return kind


def cached(call: Call) -> Any:
    kind = local_class()
    step = RunnableLambda(lambda row: 1).with_cache()
    call.invoke(step, kind())
    call.invoke(step, kind)
    return kind


def declared_types(call: Call) -> Any:
    kind = local_class()
    step = RunnableLambda(lambda x: x).with_types(input_type=kind, output_type=kind)
    call.invoke(step, kind())
    assert step.get_input_schema().model_json_schema()
    assert step.get_output_schema()
    return kind


def runnable_class(call: Call) -> Any:
    class Step(Runnable[Any, Any]):
        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return input

    call.invoke(Step() | Step(), 1, observed())
    return Step


def failing_handler_without_weak_references(call: Call) -> Any:
    class Slotted:
        __slots__ = ("upload",)

        def on_event(self, event: Any) -> None:
            raise ValueError("broken")

    upload = Upload()
    handler: Any = Slotted()
    handler.upload = upload
    call.invoke(RunnableLambda(len), "a", {"callbacks": [handler]})
    return upload


USES: list[Callable[[Call], Any]] = [
    plain, with_config, partial, bound_method, callable_object, class_method, generator, steps,
    a_tool, arguments_of_a_tool, parsed_class, structured_output, cached, declared_types,
    runnable_class, failing_handler_without_weak_references,
]  # fmt: skip


@pytest.mark.parametrize("use", USES, ids=[use.__name__ for use in USES])
def test_what_a_request_made_is_not_kept(
    use: Callable[[Call], Any], call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 30 requests, the data of all but a few is gone when they have ended."""
    caplog.set_level(logging.CRITICAL, "runnables")
    alive = [weakref.ref(use(call)) for _ in range(30)]
    gc.collect()
    kept = sum(reference() is not None for reference in alive)
    assert kept <= 4, f"{kept} of {len(alive)} are still in memory"


def test_a_fact_is_computed_once_for_each_object() -> None:
    """Equal objects are two objects, and an entry goes with its object."""
    counted: list[object] = []

    @weak_cache
    def fact(subject: object) -> int:
        counted.append(id(subject))
        return len(counted)

    class Same:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # neither is needed

    first, second = Same(), Same()
    assert [fact(first), fact(first), fact(second), fact(first)] == [1, 1, 2, 1]
    del first
    assert len(fact) == 1


def test_an_object_without_weak_references_is_asked_each_time() -> None:
    """Nothing is stored for it, so nothing keeps it."""

    class Slotted:
        __slots__ = ()

        def __call__(self, x: int, config: Any) -> int:
            return x

    before = len(takes_config)
    assert takes_config(Slotted())
    assert takes_config(Slotted())
    assert len(takes_config) == before
