"""The pipe: `|`, and the methods of every runnable that add a step.

What they make is itself a `Runnable`, so each method imports it when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from runnables.core.contract import BaseRunnable
from runnables.core.foreign import is_loaded, to_foreign
from runnables.core.missing_input import not_callable
from runnables.core.signatures import checks_keywords, takes_branches
from runnables.core.typevars import Input, Output

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from runnables.compose.runnable import Runnable
    from runnables.compose.sequence import RunnableSequence
    from runnables.core.foreign import RunnableOfLangChain

Other = TypeVar("Other")


class Pipes(BaseRunnable[Input, Output], internal=True):
    """The methods of `Runnable` that add a step: `|`, `pipe`, `assign`, `pick` and `map`."""

    # One overload for each kind of function: in one union, mypy infers Any for a lambda.
    @overload
    def __or__(self, other: Runnable[Output, Other]) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Callable[[Iterator[Output]], Iterator[Other]]
    ) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Callable[[AsyncIterator[Output]], AsyncIterator[Other]]
    ) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Callable[[Output], Awaitable[Other]]
    ) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(self, other: Callable[[Output], Other]) -> RunnableSequence[Input, Other]: ...
    @overload
    def __or__(
        self, other: Mapping[str, Runnable[Output, Any] | Callable[[Output], Any] | Any]
    ) -> RunnableSequence[Input, dict[str, Any]]: ...
    @overload
    def __or__(self, other: RunnableOfLangChain) -> RunnableSequence[Input, Any]: ...
    def __or__(self, other: Any) -> RunnableSequence[Any, Any]:
        """Pipe the output into the next step.

        Args:
            other: a runnable, a function (sync or async), a generator function, which takes the
                chunks, or a dict of steps, which all run on the output at once.

        Raises:
            TypeError: something else, or a step whose input type cannot fit the output.

        Example:
            >>> (RunnableLambda(str.strip) | len | {"half": lambda n: n / 2}).invoke(" abcd ")
            {'half': 2.0}
        """
        from runnables.compose.sequence import pipe

        return pipe(self, other)

    @overload
    def __ror__(
        self, other: Callable[[Iterator[Other]], Iterator[Input]]
    ) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(
        self, other: Callable[[AsyncIterator[Other]], AsyncIterator[Input]]
    ) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(
        self, other: Callable[[Other], Awaitable[Input]]
    ) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(self, other: Callable[[Other], Input]) -> RunnableSequence[Other, Output]: ...
    @overload
    def __ror__(
        self, other: Mapping[str, Runnable[Any, Any] | Callable[[Any], Any] | Any]
    ) -> RunnableSequence[Any, Output]: ...
    @overload
    def __ror__(self, other: RunnableOfLangChain) -> Any: ...
    def __ror__(self, other: Any) -> RunnableSequence[Any, Any]:
        """Pipe a function or a dict of steps into this runnable; otherwise as `|`.

        Example:
            >>> ({"size": len} | RunnablePick("size")).invoke("abc")
            3
        """
        from runnables.compose.sequence import pipe

        return pipe(other, self)

    if not TYPE_CHECKING:  # checkers find this mistake themselves, and a runnable is no function
        # `config` has no type here: LangGraph passes it to what has none, or its own
        def __call__(self, *args: Any, config=None, **kwargs: Any) -> Any:
            """Return the step that LangChain's pipe takes; refuse to be called like a function.

            LangChain makes a function of anything that it can call, calls it with the input and
            `config=`, and runs what it returns, if that is a runnable, on the same input.

            Raises:
                TypeError: any other call; it says what to write.
            """
            if config is None or len(args) != 1 or kwargs or not is_loaded("langchain_core"):
                raise not_callable(self, args, kwargs)
            return to_foreign("langchain_core", self)

    @checks_keywords
    def pipe(self, *others: Any, name: str | None = None) -> RunnableSequence[Input, Any]:
        """Pipe the output into several steps, as one sequence that may have a name.

        Args:
            *others: what `|` takes, in order.
            name: the name of the sequence in events and error notes.

        Raises:
            TypeError: no step, or two whose types cannot fit.

        Example:
            >>> RunnableLambda(len).pipe(str, name="digits").invoke("abc")
            '3'
        """
        from runnables.compose.sequence import RunnableSequence

        return RunnableSequence(self, *others, name=name)

    @takes_branches
    def assign(self, **branches: Any) -> RunnableSequence[Input, dict[str, Any]]:
        """Add keys to the output, which is a dict.

        Args:
            **branches: by key, a runnable or function that computes the value from the dict.

        Raises:
            TypeError: something that is neither; when run, an output that is no dict.

        Example:
            >>> words = RunnableParallel(text=str.upper)
            >>> words.assign(size=lambda values: len(values["text"])).invoke("abc")
            {'text': 'ABC', 'size': 3}
        """
        from runnables.compose.assign import RunnableAssign
        from runnables.compose.sequence import pipe

        return pipe(self, RunnableAssign(branches))

    @overload
    def pick(self, keys: str) -> RunnableSequence[Input, Any]: ...
    @overload
    def pick(self, keys: Sequence[str]) -> RunnableSequence[Input, dict[str, Any]]: ...
    @checks_keywords
    def pick(self, keys: Any) -> RunnableSequence[Input, Any]:
        """Pick one value of the output, which is a dict, or a dict with some of its keys.

        Args:
            keys: a key, or a list of them.

        Raises:
            TypeError: keys that are no strings; when run, an output that is no dict.
            KeyError: when run, an output that lacks a key.

        Example:
            >>> step = RunnableParallel(upper=str.upper, size=len)
            >>> step.pick("size").invoke("abc"), step.pick(["upper"]).invoke("abc")
            (3, {'upper': 'ABC'})
        """
        from runnables.compose.passthrough import RunnablePick
        from runnables.compose.sequence import pipe

        return pipe(self, RunnablePick(keys))

    def map(self) -> Runnable[Iterable[Input], list[Output]]:
        """Run on each item of a list, several at once; return the outputs in order.

        The first item that fails cancels the others.

        Raises:
            TypeError: when run, an input that is no list.

        Example:
            >>> RunnableLambda(len).map().invoke(["a", "bc"])
            [1, 2]
        """
        from runnables.compose.map import RunnableEach

        # the class cannot say `list`, which is invariant
        return cast("Runnable[Iterable[Input], list[Output]]", RunnableEach(self))
