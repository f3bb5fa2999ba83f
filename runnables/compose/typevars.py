"""The type variables of the combinators.

The parts of a combinator may be anything that `|` takes, so its types cannot always be read off
its arguments. They are Any then, and a checker accepts `RunnableParallel(a=f).invoke(x)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Input = TypeVar("Input", contravariant=True, default=Any)
    Output = TypeVar("Output", covariant=True, default=Any)
    Result = TypeVar("Result", default=Any)
else:
    from typing import TypeVar  # has no defaults before Python 3.13

    Input = TypeVar("Input", contravariant=True)
    Output = TypeVar("Output", covariant=True)
    Result = TypeVar("Result")
