"""Steps whose fields are annotations: `RunnableSerializable`."""

from __future__ import annotations

import copy
import pickle
from typing import Any, ClassVar

import pytest
from pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator

from runnables import (
    ConfigError,
    ConfigurableField,
    Runnable,
    RunnableConfig,
    RunnableLambda,
    RunnableSerializable,
)
from tests.both_modes import Call


class Repeat(RunnableSerializable[str, str]):
    """A step with fields of several kinds."""

    kind: ClassVar[str] = "repeat"
    times: int = 2
    marks: list[str] = Field(default_factory=list)
    ending: str = Field("", alias="end")
    inner: Runnable[str, str] | None = None
    _calls: int = PrivateAttr(default=0)
    _seen: list[str] = []  # noqa: RUF012  # a default, which each object gets a copy of
    _width: int

    @field_validator("times")
    @classmethod
    def _is_positive(cls, times: int) -> int:
        if times < 1:
            raise ValueError("at least 1")
        return times

    @model_validator(mode="after")
    def _is_short(self) -> Repeat:
        if self.limit() > 100:
            raise ValueError("too long")
        return self

    def limit(self) -> int:
        return self.times

    def model_post_init(self, context: Any, /) -> None:
        self._width = self.times * 10

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        self._calls += 1
        self._seen.append(input)
        text = self.inner.invoke(input) if self.inner else input
        return text * self.times + "".join(self.marks) + self.ending


class Twice(Repeat):
    """A subclass with one more field, and a method that calls that of its base."""

    gap: str = ""

    def limit(self) -> int:
        return 2 * super().limit()


def test_fields_are_keywords_that_pydantic_checks(call: Call) -> None:
    """Values are converted, defaults are copied, an alias and the name itself both count."""
    step = Repeat(times="3", end="!", marks=["?"])  # type: ignore[arg-type]
    assert step.times == 3
    assert call.invoke(step, "ab") == "ababab?!"
    assert Repeat(ending="!").ending == "!"  # type: ignore[call-arg]
    first, second = Repeat(), Repeat()
    first.marks.append("x")
    first._seen.append("x")
    assert (second.marks, second._seen) == ([], [])
    assert call.batch(Repeat(inner=RunnableLambda(str.upper)), ["a", "b"]) == ["AA", "BB"]


def test_types_of_input_and_output_are_those_of_the_base() -> None:
    """Pipes and schemas see the types in brackets."""
    assert (Repeat().InputType, Twice().OutputType) == (str, str)
    assert (Repeat() | len).invoke("ab") == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"times": 0}, "times: Value error, at least 1"),
        ({"times": "many"}, "times: Input should be a valid integer"),
        ({"tims": 3}, "no field 'tims'. Did you mean 'times'"),
        ({"end": "a", "ending": "b"}, "'ending' and 'end' are one field"),
        ({"times": 101}, "too long"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    """The error names the class and the field."""
    with pytest.raises(ConfigError, match="Repeat: ") as caught:
        Repeat(**settings)
    assert message in str(caught.value)


def test_a_required_field_must_be_given() -> None:
    """A field without a default has none."""

    class Needs(RunnableSerializable[int, int]):
        step: int

        def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
            return input + self.step

    assert Needs(step=2).invoke(1) == 3
    with pytest.raises(ConfigError, match="'step' must be given"):
        Needs()  # type: ignore[call-arg]


def test_validators_of_the_whole_object_get_the_object_itself() -> None:
    """They may call its methods, also those of a subclass that use `super()`."""
    assert Twice(times=50).limit() == 100
    with pytest.raises(ConfigError, match="Twice: too long"):
        Twice(times=51)


def test_steps_with_fields_are_values() -> None:
    """They print as code, and compare by their fields; state does not count."""
    step = Twice(times=3, end="!")
    step.invoke("a")
    assert repr(step) == "Twice(times=3, marks=[], ending='!', gap='')"
    assert step == Twice(times=3, end="!")
    assert hash(step) == hash(Twice(times=3, end="!"))
    assert step != Twice(times=3)
    assert step != Repeat(times=3, end="!")


@pytest.mark.parametrize(
    "remake",
    [copy.copy, copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_has_the_fields_and_makes_its_state_anew(remake: Any) -> None:
    """Private attributes get their defaults, and `model_post_init` runs."""
    step = Repeat(times=3)
    step.invoke("a")
    made = remake(step)
    assert made == step
    assert (made._calls, made._seen, made._width) == (0, [], 30)


def test_a_configurable_field_is_checked_as_the_constructor_does(call: Call) -> None:
    """A call runs an object that is made anew, with its state."""
    step = Repeat(end=".").configurable_fields(times=ConfigurableField(id="times"))
    assert call.invoke(step, "a", {"configurable": {"times": "4"}}) == "aaaa."
    assert call.invoke(step, "a") == "aa."
    with pytest.raises(ConfigError, match="at least 1"):
        call.invoke(step, "a", {"configurable": {"times": 0}})


def test_a_constructor_of_its_own_may_call_that_of_the_base() -> None:
    """What it sets before and after is kept, and made again in a configured copy."""

    class Named(RunnableSerializable[str, str]):
        prefix: str = ""
        _length: int = PrivateAttr()

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self._length = len(self.prefix)

        def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            return f"{self.prefix}{input}{self._length}"

    step = Named(prefix="a").configurable_fields(prefix=ConfigurableField(id="p"))
    assert step.invoke("x") == "ax1"
    assert step.invoke("x", {"configurable": {"p": "abc"}}) == "abcx3"
    with pytest.raises(AttributeError):
        _ = Named.__new__(Named)._length


def test_other_keywords_are_kept_where_the_class_allows_them() -> None:
    """`model_config` says what happens to keywords that are no fields."""

    class Open(RunnableSerializable[str, str]):
        model_config = ConfigDict(extra="allow")

        def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            return input + str(vars(self)["more"])

    assert Open(more=3).invoke("a") == "a3"  # type: ignore[call-arg]


def test_a_name_shows_in_events() -> None:
    """`name` is a field of every such step, and may have a default in the class."""

    class Shout(RunnableSerializable[str, str]):
        name: str | None = "shout"

        def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            return input.upper()

    assert {event["name"] for event in Shout().stream_events("a")} == {"shout"}
    assert Repeat(name="again").get_name() == "again"
