"""Runs a routine, which is written once for sync and async, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runnables.core.rows import Routine, Step


def drive(routine: Routine) -> Any:
    """Run a routine of calls and steps; return what it returns."""
    resume: Any = routine.send
    value: Any = None
    while True:
        try:
            request = resume(value)
        except StopIteration as end:
            return end.value
        try:
            value = _run(request) if hasattr(request, "runnable") else request.run()
            resume = routine.send
        except BaseException as error:
            value, resume = error, routine.throw


async def adrive(routine: Routine) -> Any:
    """Run a routine of calls and steps in this task; return what it returns."""
    resume: Any = routine.send
    value: Any = None
    while True:
        try:
            request = resume(value)
        except StopIteration as end:
            return end.value
        try:
            value = await (_arun(request) if hasattr(request, "runnable") else request.arun())
            resume = routine.send
        except BaseException as error:
            value, resume = error, routine.throw


def _run(step: Step) -> Any:
    return step.runnable.invoke(step.value, step.config, **step.kwargs)


async def _arun(step: Step) -> Any:
    return await step.runnable.ainvoke(step.value, step.config, **step.kwargs)
