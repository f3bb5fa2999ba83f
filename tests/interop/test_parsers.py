"""Parsers of ours where LangChain takes none but its own."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_classic.chains import LLMChain
from langchain_classic.output_parsers import OutputFixingParser, RetryOutputParser
from langchain_core.exceptions import OutputParserException as TheirError
from langchain_core.language_models import FakeListChatModel as TheirFake
from langchain_core.messages import AIMessage as TheirAIMessage
from langchain_core.output_parsers import (
    BaseLLMOutputParser as TheirBaseParser,
    BaseOutputParser as TheirParser,
)
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.prompts import PromptTemplate as TheirPrompt
from langchain_core.runnables import RunnableLambda as TheirLambda, RunnablePassthrough
from pydantic import BaseModel

from runnables import (
    AIMessage,
    BaseOutputParser,
    CommaSeparatedListOutputParser,
    JsonOutputParser,
    JsonOutputToolsParser,
    OutputParserException,
    PydanticOutputParser,
    StrOutputParser,
    from_langchain,
    to_langchain,
    tool_call,
)
from runnables.errors import ModelRefusalError
from runnables.interop.langchain.chunks import add_as_theirs
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.interop.watching import Log, Trace


class Sea(BaseModel):
    """A sea."""

    name: str
    depth: int = 0


class YesNo(BaseOutputParser[bool]):
    """A parser of a user's own."""

    def parse(self, text: str) -> bool:
        if text not in ("yes", "no"):
            raise OutputParserException("Neither yes nor no.", observation="Say yes or no.")
        return text == "yes"


PARSERS: dict[str, tuple[Any, str, Any]] = {
    "text": (StrOutputParser(), "Ahoy", "Ahoy"),
    "JSON": (JsonOutputParser(), '{"name": "Baltic"}', {"name": "Baltic"}),
    "a model": (PydanticOutputParser(Sea), '{"name": "Baltic"}', Sea(name="Baltic")),
    "a list": (CommaSeparatedListOutputParser(), "a, b", ["a", "b"]),
    "a user's own": (YesNo(), "yes", True),
    "with a repair": (
        JsonOutputParser().with_repair(ScriptedChatModel(["{}"], cycle=True)),
        "no JSON",
        {},
    ),
}


@pytest.mark.parametrize("which", PARSERS)
def test_a_parser_parses_there_what_it_parses_here(which: str, call: Call) -> None:
    """By each of the methods that LangChain's own code calls."""
    parser, text, value = PARSERS[which]
    theirs = to_langchain(parser)
    assert isinstance(theirs, TheirParser)
    assert isinstance(theirs, TheirBaseParser)
    assert from_langchain(theirs) is parser
    assert call.invoke(theirs, text) == value
    assert call.invoke(theirs, TheirAIMessage(text)) == value
    assert add_as_theirs(call.stream(theirs, text)) == value
    assert call.batch(theirs, [text, text]) == [value, value]
    assert call.run(lambda: theirs.parse(text), lambda: theirs.aparse(text)) == value
    for result in (Generation(text=text), ChatGeneration(message=TheirAIMessage(text))):
        found = call.run(
            lambda result=result: theirs.parse_result([result]),
            lambda result=result: theirs.aparse_result([result]),
        )
        assert found == value


@pytest.mark.parametrize("which", ["JSON", "a model", "a list"])
def test_format_instructions_are_those_of_ours(which: str) -> None:
    parser = PARSERS[which][0]
    assert to_langchain(parser).get_format_instructions() == parser.get_format_instructions()


def test_what_it_has_so_far_is_parsed_with_partial(call: Call) -> None:
    theirs = to_langchain(JsonOutputParser())

    def parsed(text: str) -> Any:
        result = [Generation(text=text)]
        return call.run(
            lambda: theirs.parse_result(result, partial=True),
            lambda: theirs.aparse_result(result, partial=True),
        )

    assert parsed('{"name": "Balt') == {"name": "Balt"}
    assert parsed("nothing yet") is None


@pytest.mark.parametrize(
    ("parser", "chunks", "expected"),
    [
        (JsonOutputParser(), ['{"name": "Bal', 'tic"}'], [{"name": "Bal"}, {"name": "Baltic"}]),
        (StrOutputParser(), ["Aho", "y"], ["Aho", "y"]),
        (CommaSeparatedListOutputParser(), ["a, b", ", c"], [["a"], ["b"], ["c"]]),
    ],
    ids=["JSON", "text", "a list"],
)
def test_it_streams_in_their_pipe(parser: Any, chunks: Any, expected: Any, call: Call) -> None:
    chain = RunnablePassthrough() | to_langchain(parser)
    assert call.transform(chain, chunks) == expected


def test_tool_calls_are_read_from_the_message(call: Call) -> None:
    answer = AIMessage(tool_calls=[tool_call(name="look", args={"at": "sea"}, id="1")])
    theirs = to_langchain(JsonOutputToolsParser())
    result = [ChatGeneration(message=to_langchain(answer))]
    found = call.run(lambda: theirs.parse_result(result), lambda: theirs.aparse_result(result))
    assert found == [{"type": "look", "args": {"at": "sea"}}]


# -- in the classic chains


@pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainDeprecationWarning")
@pytest.mark.parametrize("which", ["text", "JSON", "a model", "a list", "a user's own"])
def test_the_classic_chain_takes_it(which: str, call: Call) -> None:
    parser, text, value = PARSERS[which]
    chain = LLMChain(
        llm=to_langchain(ScriptedChatModel([text])),
        prompt=TheirPrompt.from_template("{x}"),
        output_parser=to_langchain(parser),
    )
    assert call.invoke(chain, {"x": "Hi"})["text"] == value


def test_the_parser_that_fixes_takes_it(call: Call) -> None:
    fixing = OutputFixingParser.from_llm(
        llm=to_langchain(ScriptedChatModel(['{"name": "Baltic"}'])),
        parser=to_langchain(PydanticOutputParser(Sea)),
    )
    assert call.invoke(fixing, "the Baltic") == Sea(name="Baltic")


def test_the_parser_that_retries_takes_it(call: Call) -> None:
    retrying = RetryOutputParser.from_llm(
        llm=TheirFake(responses=["yes"]), parser=to_langchain(YesNo())
    )
    prompt = TheirPrompt.from_template("Is it?").invoke({})
    answer = call.run(
        lambda: retrying.parse_with_prompt("perhaps", prompt),
        lambda: retrying.aparse_with_prompt("perhaps", prompt),
    )
    assert answer is True


# -- errors


@pytest.mark.parametrize("way", ["invoke", "stream", "parse", "in a chain", "batch"])
def test_an_error_is_one_of_both_libraries(way: str, call: Call) -> None:
    """And it is the object that our parser has raised, with what that says."""
    theirs = to_langchain(YesNo())
    with pytest.raises(TheirError) as caught:
        match way:
            case "parse":
                call.run(lambda: theirs.parse("perhaps"), lambda: theirs.aparse("perhaps"))
            case "in a chain":
                call.invoke(to_langchain(YesNo() | str), "perhaps")
            case "stream":
                call.stream(theirs, "perhaps")
            case "batch":
                call.batch(theirs, ["perhaps"])
            case _:
                call.invoke(theirs, "perhaps")
    error = caught.value
    assert isinstance(error, OutputParserException)
    assert str(error) == "Neither yes nor no."
    assert (error.llm_output, error.observation) == ("perhaps", "Say yes or no.")
    assert error.send_to_llm is False


def test_such_an_error_can_be_pickled() -> None:
    """It is one of ours again where it is read: in another process, there may be no LangChain."""
    with pytest.raises(TheirError) as caught:
        to_langchain(YesNo()).invoke("perhaps")
    read = pickle.loads(pickle.dumps(caught.value))
    assert type(read) is OutputParserException
    assert read.llm_output == "perhaps"


def test_a_refusal_is_one_of_both_too() -> None:
    refusal = AIMessage([{"type": "refusal", "refusal": "No."}])
    with pytest.raises(TheirError) as caught:
        to_langchain(JsonOutputParser()).invoke(to_langchain(refusal))
    assert isinstance(caught.value, ModelRefusalError)
    assert caught.value.refusal == "No."


def test_their_fallbacks_handle_it(call: Call) -> None:
    chain = to_langchain(YesNo()).with_fallbacks(
        [TheirLambda(lambda _: None)], exceptions_to_handle=(TheirError,)
    )
    assert call.invoke(chain, "perhaps") is None
    assert call.batch(chain, ["yes", "perhaps"]) == [True, None]


# -- runs


def test_it_is_a_parser_in_the_trace(call: Call) -> None:
    log, trace = Log(), Trace()
    chain = RunnablePassthrough() | to_langchain(JsonOutputParser(name="reads"))
    call.invoke(chain, "{}", {"callbacks": [trace, to_langchain(log)]})
    assert trace.tree() == [(0, "RunnableSequence"), (1, "RunnablePassthrough"), (1, "reads")]
    assert [run.run_type for run in trace.runs() if run.name == "reads"] == ["parser"]
    log.check()
    assert log.tree() == trace.tree()
