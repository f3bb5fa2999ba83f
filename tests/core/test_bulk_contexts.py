"""Rows share a bulk call only where it finds the same around it: variables, config, options."""

from __future__ import annotations

import contextvars
import decimal
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from runnables import RunnableConfig, RunnableLambda, RunnableParallel, RunnablePassthrough
from tests.both_modes import Call
from tests.core.bulk_steps import Tens, sizes
from tests.laws.recorder import Recorder

tenant: contextvars.ContextVar[Any] = contextvars.ContextVar("tenant", default=None)


class Sees(Tens):
    """A bulk step that notes what each of its calls finds, beside its inputs."""

    def __init__(self, size: int = 100, key: str = "configurable") -> None:
        super().__init__(size)
        self.key = key
        self._found: list[tuple[Any, Any, list[Any]]] = []

    @property
    def found(self) -> list[tuple[Any, Any, list[Any]]]:
        """Return the variable, the part of the config and the inputs of each call, in order."""
        return sorted(self._found, key=lambda call: min(call[2]))

    def _invoke_batch(self, values: Sequence[Any], scope: Any, kwargs: dict[str, Any]) -> list[Any]:
        self._found.append((tenant.get(), (scope or {}).get(self.key), list(values)))
        return super()._invoke_batch(values, scope, kwargs)


def enter(of_row: Any, call: Call) -> RunnableLambda[int, int]:
    """Return a step that sets the variable to what a function returns for the row."""

    def set_it(number: int) -> int:
        tenant.set(of_row(number))
        return number

    async def aset_it(number: int) -> int:
        return set_it(number)

    return RunnableLambda(aset_it if call.mode == "async" else set_it)


def echo(value: Any) -> Any:
    return value


# -- context variables


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_a_call_for_one_tenant_never_has_rows_of_another(limit: int, call: Call) -> None:
    """Those of one go together, wherever the step is."""
    bulk = Sees()
    chain = enter(lambda number: f"tenant {number % 2}", call) | {"a": bulk, "b": echo} | echo
    outputs = call.batch(chain, range(10), max_concurrency=limit)
    assert outputs == [{"a": 10 * number, "b": number} for number in range(10)]
    assert bulk.found == [
        ("tenant 0", None, [0, 2, 4, 6, 8]),
        ("tenant 1", None, [1, 3, 5, 7, 9]),
    ]


def test_each_tenants_rows_fill_their_own_calls(call: Call) -> None:
    """A call that is full is made, whichever rows wait beside it, also of endless inputs."""
    bulk = Sees(3)
    chain = enter(lambda number: number % 2, call) | bulk
    pairs = call.batch_as_completed(chain, count(), take=24, max_concurrency=1)
    assert [index for index, _ in pairs] == list(range(24))
    assert {len(values) for _, _, values in bulk.found} <= {1, 2, 3}
    assert all({number % 2 for number in values} == {of} for of, _, values in bulk.found)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_tenant_in_each_row_makes_a_call_for_each(limit: int, call: Call) -> None:
    """More rows than the largest call takes: nothing waits for rows that cannot come."""
    bulk = Sees(4)
    chain = enter(echo, call) | bulk | RunnableLambda(echo)
    assert call.batch(chain, range(30), max_concurrency=limit) == [10 * n for n in range(30)]
    assert bulk.found == [(number, None, [number]) for number in range(30)]


def test_what_all_rows_find_alike_keeps_them_together(call: Call) -> None:
    """Set around the batch, set to equal strings, or to the same object."""
    shared = object()
    for of_row in (lambda _: "".join(["ten", "ant"]), lambda _: shared, lambda _: (1, "a")):
        bulk = Sees()
        call.batch(enter(of_row, call) | bulk, range(9))
        assert sizes(bulk) == [9]
    bulk, token = Sees(), tenant.set("all of them")
    try:
        call.batch(RunnableLambda(echo) | {"a": bulk}, range(9))
    finally:
        tenant.reset(token)
    assert [of for of, _, _ in bulk.found] == ["all of them"]


def test_equal_lists_of_two_rows_are_not_the_same(call: Call) -> None:
    """What one row adds to its own later would be added for the other, too."""
    bulk = Sees()
    call.batch(enter(lambda number: [], call) | bulk, range(3))
    assert sizes(bulk) == [1, 1, 1]


def test_sums_of_decimals_keep_no_rows_apart(call: Call) -> None:
    """The first one in a row sets a variable of Python's own; another precision does count."""
    precise = decimal.Context(prec=50)

    def add(number: int) -> int:
        if number == 2:
            decimal.setcontext(precise)
        return int(decimal.Decimal(number) / 1)

    bulk = Sees()
    call.batch(RunnableLambda(add) | bulk, range(5))
    assert [values for _, _, values in bulk.found] == [[0, 1, 3, 4], [2]]


def test_what_a_branch_sets_does_not_keep_the_row_apart_behind_it(call: Call) -> None:
    """Its variables end with it, as in `invoke`."""
    inside, behind = Sees(), Sees()
    branch = enter(echo, call) | inside
    chain = RunnableParallel(a=branch, b=echo) | RunnableLambda(lambda row: row["b"]) | behind
    call.batch(chain, range(4))
    assert sizes(inside) == [1, 1, 1, 1]
    assert sizes(behind) == [4]


def test_retries_go_together_again_within_a_tenant(call: Call) -> None:
    """Only the rows of the call that failed are tried again."""
    failures = iter([ConnectionError("again")])

    class Once(Sees):
        def _invoke_batch(self, values: Sequence[Any], scope: Any, kwargs: Any) -> list[Any]:
            outputs = super()._invoke_batch(values, scope, kwargs)
            if 1 in values and len(values) == 1:
                for error in failures:
                    raise error
            return outputs

    bulk = Once()
    steady = bulk.with_retry(wait_exponential_jitter=False, stop_after_attempt=2)
    chain = enter(lambda number: number == 1, call) | steady
    assert call.batch(chain, range(4), max_concurrency=1) == [0, 10, 20, 30]
    assert [values for of, _, values in bulk.found if not of] == [[0, 2, 3]]
    assert [values for of, _, values in bulk.found if of] == [[1], [1]]


# -- configs


def test_rows_with_a_config_each_go_together_where_it_is_the_same(call: Call) -> None:
    """An equal one counts, of whichever object."""
    configs = [RunnableConfig(configurable={"of": [f"user {n % 3}"]}) for n in range(9)]
    bulk = Sees()
    chain = RunnableLambda(echo) | {"a": bulk, "b": echo} | RunnablePassthrough()
    outputs = call.batch(chain, range(9), configs)
    assert outputs == [{"a": 10 * number, "b": number} for number in range(9)]
    assert bulk.found == [
        (None, {"of": [f"user {number}"]}, [number, number + 3, number + 6]) for number in range(3)
    ]


@pytest.mark.parametrize("key", ["tags", "metadata"])
def test_tags_and_metadata_keep_rows_apart(key: str, call: Call) -> None:
    """They reach what the step calls."""
    values: list[Any] = [["a"], ["b"]] if key == "tags" else [{"of": 0}, {"of": 1}]
    configs: list[Any] = [{key: values[number % 2]} for number in range(6)]
    bulk = Sees(key=key)
    call.batch(RunnableLambda(echo) | bulk, range(6), configs)
    assert bulk.found == [(None, values[0], [0, 2, 4]), (None, values[1], [1, 3, 5])]


def test_rows_with_other_handlers_are_apart(call: Call) -> None:
    """Each handler receives the runs of its own rows only."""
    recorders = [Recorder(), Recorder()]
    configs: list[Any] = [{"callbacks": [recorders[number % 2]]} for number in range(4)]
    bulk = Tens(10)
    call.batch(RunnableLambda(echo) | bulk, range(4), configs)
    assert bulk.calls == [[0, 2], [1, 3]]
    for number, recorder in enumerate(recorders):
        (inputs,) = [e.input for e in recorder.events if e.name == "Tens" and e.kind == "end"]
        assert inputs == [number, number + 2]


def test_ids_and_names_of_runs_keep_rows_together_behind_the_first_step(call: Call) -> None:
    """They are those of the rows' own runs, which still have them."""
    recorder = Recorder()
    configs: list[Any] = [
        {"run_name": f"row {number}", "run_id": f"id {number}", "callbacks": [recorder]}
        for number in range(4)
    ]
    bulk = Tens(10)
    call.batch(RunnableLambda(echo) | bulk, range(4), configs)
    assert sizes(bulk) == [4]
    names = {e.name: e.run_id for e in recorder.events if e.name.startswith("row")}
    assert names == {f"row {number}": f"id {number}" for number in range(4)}


def test_a_bulk_step_alone_has_a_run_for_each_id(call: Call) -> None:
    """One run for two rows would lose the id of one."""
    recorder = Recorder()
    configs: list[Any] = [{"run_id": f"id {n}", "callbacks": [recorder]} for n in range(3)]
    call.batch(Tens(10), range(3), configs)
    assert sorted({event.run_id for event in recorder.events}) == ["id 0", "id 1", "id 2"]


def test_options_that_cannot_be_compared_keep_rows_apart(call: Call) -> None:
    """As arrays cannot; it is no error."""

    class Array:
        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth value of an array is ambiguous")

        __hash__ = None  # type: ignore[assignment]

    configs: list[Any] = [{"configurable": {"vector": Array()}} for _ in range(3)]
    bulk = Sees()
    assert call.batch(RunnableLambda(echo) | bulk, range(3), configs) == [0, 10, 20]
    assert sizes(bulk) == [1, 1, 1]


def test_a_bad_config_of_one_row_is_that_rows_error(call: Call) -> None:
    """The other rows go on."""
    configs: list[Any] = [{}, {"tags": "no list"}, {}]
    chain = RunnableLambda(echo) | {"a": Tens(3), "b": echo}
    outputs = call.batch(chain, range(3), configs, return_exceptions=True)
    assert outputs[::2] == [{"a": 0, "b": 0}, {"a": 20, "b": 2}]
    assert "tags" in str(outputs[1])
