"""Law 11 over the registry: every call refuses a typo before it pulls an input."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, find, settings

from runnables import ConfigError
from tests.both_modes import Call
from tests.laws.registry import REGISTRY
from tests.laws.specimens import Specimen

WAYS: dict[str, Callable[..., Any]] = {
    "invoke": lambda call, step, value, config, **kw: call.invoke(step, value, config, **kw),
    "stream": lambda call, step, value, config, **kw: call.stream(step, value, config, **kw),
    "batch": lambda call, step, value, config, **kw: call.batch(step, one(value), config, **kw),
    "as completed": lambda call, step, value, config, **kw: call.batch_as_completed(
        step, one(value), config, **kw
    ),
    "transform": lambda call, step, value, config, **kw: call.transform(
        step, one(value), config, **kw
    ),
    "events": lambda call, step, value, config, **kw: call.events(step, value, config, **kw),
}


class one:
    """An iterable of one input, or one chunk, that counts how often it was pulled."""

    pulled = 0

    def __init__(self, value: Any) -> None:
        self._value = value

    def __iter__(self) -> Any:
        one.pulled += 1
        yield self._value


@cache
def some(specimen: Specimen) -> Any:
    """Return the simplest input, with an item where it is a list."""
    return find(
        specimen.inputs,
        lambda value: value != [],
        settings=settings(database=None, phases=[Phase.generate]),
    )


def check_typo(
    call: Call, way: str, specimen: Specimen, match: str, config: Any, **kwargs: Any
) -> None:
    one.pulled = 0
    with pytest.raises((TypeError, ValueError), match=match):
        WAYS[way](call, specimen.make(), some(specimen), config, **kwargs)
    assert one.pulled == 0, "an input was pulled"


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_a_typo_in_a_config_key_is_refused_by_everything(specimen: Specimen, call: Call) -> None:
    """In every call of every runnable, the error names the key and a similar one."""
    match = r"Unknown config key 'metdata'\. Did you mean 'metadata'\?"
    for way in WAYS:
        check_typo(call, way, specimen, match, {"metdata": {}})


TAKES_ALL = {
    "lambda: builtin": "the message is Python's own",
    "parallel: of nothing": "there is no branch to refuse it",
    "map": "its simplest input, a number, is refused first",
    "map: of maps": "there is no item to refuse it, where all lists are empty",
    "bind: unknown option": "the bound option is refused first",
    "history: no session": "the missing session is named first",
    "configurable alternatives: growwing": "the missing alternative is named first",
    "parser: repaired": "options are the model's, which is called only to correct an answer",
    "parser: fixed": "likewise",
}
"""Specimens that do not name the keyword, and why. Users' classes do not: they have `**kwargs`."""

OPTIONS = [
    specimen
    for specimen in REGISTRY
    if specimen.title not in TAKES_ALL
    and not specimen.title.startswith(("user", "configurable fields"))
]


@pytest.mark.parametrize("specimen", OPTIONS, ids=str)
def test_a_keyword_that_nothing_reads_is_refused_by_everything(
    specimen: Specimen, call: Call
) -> None:
    """In every call of every runnable, a TypeError names the keyword."""
    if not specimen.runs_in(call.mode):
        pytest.skip("async only")
    for way in WAYS:
        with pytest.raises(TypeError, match="othing_reads_this"):
            WAYS[way](call, specimen.make(), some(specimen), None, nothing_reads_this=1)


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_a_typo_in_a_batch_option_is_refused_by_everything(specimen: Specimen, call: Call) -> None:
    """For `max_concurency=`, no input is pulled, and the error has the right name."""
    match = r"'max_concurency'.*Did you mean 'max_concurrency'"
    for way in ("batch", "as completed"):
        check_typo(call, way, specimen, match, None, max_concurency=2)


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_a_typo_in_a_bound_config_is_refused_when_it_is_bound(specimen: Specimen) -> None:
    """`with_config(...)` does not wait for the first call."""
    runnable: Any = specimen.make()
    with pytest.raises((TypeError, ValueError), match=r"'run_nam'.*Did you mean 'run_name'"):
        runnable.with_config(run_nam="x")
    with pytest.raises((TypeError, ValueError), match=r"'tag'.*Did you mean 'tags'"):
        runnable.with_config({"tag": []})


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_a_typo_in_a_wrapper_is_refused_when_it_is_made(specimen: Specimen) -> None:
    """The error names the method as users know it, and a similar keyword."""
    runnable: Any = specimen.make()
    for make, typo, meant in (
        (runnable.with_retry, "stop_after_attempts", "stop_after_attempt"),
        (runnable.with_fallbacks, "exception_to_handle", "exceptions_to_handle"),
        (runnable.with_timeout, "second", "seconds"),
        (runnable.with_types, "input_typ", "input_type"),
        (runnable.with_listeners, "on_ended", "on_end"),
        (runnable.with_alisteners, "onstart", "on_start"),
        (runnable.as_tool, "desciption", "description"),
        (runnable.pipe, "nam", "name"),
    ):
        refusal = f"^{make.__name__} has no option {typo!r}. Did you mean {meant!r}"
        with pytest.raises(ConfigError, match=refusal):
            make(**{typo: 1})
