"""LangChain's usual forms: what type checkers accept and refuse. Read by mypy and pyright; not run.

An expected error carries both checkers' ignores. Both complain about an ignore that is not needed,
so a form that is wrongly accepted fails the check, too.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, assert_type

from runnables import (
    AddableDict,
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    DeterministicFakeEmbedding,
    FewShotPromptTemplate,
    HumanMessage,
    HumanMessagePromptTemplate,
    JsonOutputParser,
    MaxMarginalRelevanceExampleSelector,
    MessagesPlaceholder,
    OutputFixingParser,
    PromptTemplate,
    ResponseSchema,
    RetryOutputParser,
    RunnableAssign,
    RunnableBinding,
    RunnableLambda,
    RunnableParallel,
    RunnableRetry,
    RunnableSequence,
    SemanticSimilarityExampleSelector,
    StringPromptValue,
    StructuredOutputParser,
    SystemMessage,
    add,
)

# -- the text of a message, read or called

message = AIMessage("Ahoy")
read: str = message.text
called: str = message.text()
assert_type(message.text(), str)
upper: str = message.text.upper()
longer: str = AIMessageChunk("a").text() + "b"

# -- messages and prompts that are added

assert_type(SystemMessage("a") + HumanMessage("b") + "{c}", ChatPromptTemplate)
parts = [HumanMessage("b"), HumanMessage("c")]
assert_type(HumanMessage("a") + parts, ChatPromptTemplate)
assert_type(SystemMessage("a") + MessagesPlaceholder("b"), ChatPromptTemplate)
assert_type(
    SystemMessage("a") + HumanMessagePromptTemplate.from_template("{b}"), ChatPromptTemplate
)
assert_type(ChatPromptTemplate(["a"]) + HumanMessage("b"), ChatPromptTemplate)
assert_type(AIMessageChunk("a") + AIMessageChunk("b"), AIMessageChunk)

# -- constructors in LangChain's keywords

step = RunnableLambda(func=len, name="size")
SystemMessage("a").__add__(1)  # type: ignore[operator]  # pyright: ignore[reportArgumentType] - no part of a prompt
RunnableSequence(first=step, middle=[float], last=str, name="steps")
RunnableRetry(bound=step, max_attempt_number=2, retry_exception_types=(OSError,))
RunnableParallel(steps__={"a": step}, b=len).steps__["a"].invoke("x")
RunnableAssign(mapper=RunnableParallel(b=itemgetter("a")))
RunnableBinding(bound=step, kwargs={}, config={"tags": ["a"]})
PromptTemplate(template="{a} {b}", input_variables=["a"], partial_variables={"b": str})

# -- parsers that describe fields, and that let a model correct an answer

fields = [ResponseSchema(name="sea", description="the sea"), ResponseSchema(name="n", description="", type="int")]  # fmt: skip
parser = StructuredOutputParser.from_response_schemas(fields)
assert_type(parser.parse("{}"), dict[str, Any])
assert_type(parser.invoke(message), dict[str, Any])
fixing = OutputFixingParser.from_llm(llm=step, parser=parser, max_retries=2)
assert_type(fixing.parse("{}"), dict[str, Any])
retry = RetryOutputParser.from_llm(parser=JsonOutputParser(), llm=step)
retry.parse_with_prompt("{}", StringPromptValue(text="?"))

# -- examples by similarity

embeddings = DeterministicFakeEmbedding(size=8)
similar = SemanticSimilarityExampleSelector.from_examples([{"a": "b"}], embeddings, k=1)
MaxMarginalRelevanceExampleSelector.from_examples([{"a": "b"}], embeddings, fetch_k=3)
FewShotPromptTemplate(example_prompt=PromptTemplate("{a}"), example_selector=similar, suffix="")

# -- sums of chunks

assert_type(AddableDict(a=1) + {"a": 2}, AddableDict)
add(RunnableParallel(a=len).stream("x"))
