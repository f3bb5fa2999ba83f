"""LangChain's names of types, where people's code has them."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from pydantic import BaseModel, ValidationError

from runnables import (
    ArgsSchema,
    BaseTool,
    CallbackManagerForToolRun,
    FakeListChatModel,
    GetSessionHistoryCallable,
    InMemoryHistory,
    LanguageModelLike,
    LanguageModelOutput,
    MessageLike,
    OutputParserLike,
    RetrieverLike,
    RunnableLambda,
    RunnableLike,
    RunnableSerializable,
    StrOutputParser,
)


class Sides(BaseModel):
    a: int
    b: int


class Area(BaseTool[Any]):
    """As LangChain's guide writes a tool."""

    name: str = "area"
    description: str = "The area of a sail."
    args_schema: Optional[ArgsSchema] = Sides  # noqa: UP045 - as people write it

    def _run(self, a: int, b: int, run_manager: CallbackManagerForToolRun | None = None) -> int:
        return a * b


class Parts(BaseModel):
    step: RunnableLike | None = None
    model: LanguageModelLike | None = None
    parser: OutputParserLike | None = None
    retriever: RetrieverLike | None = None
    message: MessageLike | None = None
    answer: LanguageModelOutput | None = None
    sessions: GetSessionHistoryCallable | None = None


class Asks(RunnableSerializable[str, Any]):
    llm: LanguageModelLike
    parser: OutputParserLike = StrOutputParser()

    def invoke(self, input: str, config: Any = None, **kwargs: Any) -> Any:
        return (self.llm | self.parser).invoke(input)


def test_an_args_schema_of_a_tool_may_be_annotated() -> None:
    """The class has its schema, and checks its arguments by it."""
    assert Area().args_schema is Sides
    assert Area().invoke({"a": "2", "b": 3}) == 6


def test_they_are_types_of_fields() -> None:
    """Of a pydantic model, which checks them, and of a step with fields."""
    model = FakeListChatModel(responses=["yes"])
    parts = Parts(step=len, model=model.with_retry(), parser=StrOutputParser(), answer="yes")
    assert parts.step is len
    Parts(step={"a": len}, sessions=InMemoryHistory(), retriever=RunnableLambda(lambda _: []))
    with pytest.raises(ValidationError):
        Parts.model_validate({"model": "gpt"})
    assert Asks(llm=model).invoke("?") == "yes"
