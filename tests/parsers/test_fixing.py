"""`with_repair` under LangChain's names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runnables import (
    ChatPromptTemplate,
    CommaSeparatedListOutputParser,
    ConfigError,
    JsonOutputParser,
    OutputFixingParser,
    OutputParserException,
    PromptTemplate,
    RepairParser,
    RetryOutputParser,
    RetryWithErrorOutputParser,
    RunnableLambda,
    RunnableParallel,
    StringPromptValue,
    StrOutputParser,
)
from tests.both_modes import Call

GOOD = '{"sea": "Baltic"}'


class Model:
    """Answers from a list, and records its prompts."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []

    def __call__(self, prompt: Any) -> str:
        self.prompts.append(prompt.to_string())
        return self.answers.pop(0)


def test_a_fixing_parser_is_a_repair_parser(call: Call) -> None:
    """It takes LangChain's arguments, and sends what `with_repair` sends."""
    model, other = Model("no", GOOD), Model("no", GOOD)
    parser = OutputFixingParser.from_llm(llm=model, parser=JsonOutputParser(), max_retries=2)
    assert isinstance(parser, RepairParser)
    assert call.invoke(parser, "{sea}") == {"sea": "Baltic"}
    assert call.invoke(JsonOutputParser().with_repair(other, attempts=2), "{sea}")
    assert model.prompts == other.prompts


def test_a_fixing_parser_has_parse() -> None:
    """`parse` and `aparse` do what `invoke` and `ainvoke` do."""
    parser = OutputFixingParser.from_llm(Model(GOOD, GOOD), JsonOutputParser())
    assert parser.parse("{sea}") == asyncio.run(parser.aparse("{sea}")) == {"sea": "Baltic"}
    assert "JSON" in parser.get_format_instructions()


def test_a_prompt_of_ones_own_gets_the_answer_and_the_error(call: Call) -> None:
    """By LangChain's names; a parser without instructions has empty ones."""
    prompt = PromptTemplate.from_template("{instructions}|{completion}|{error}")
    model = Model(GOOD)
    parser = OutputFixingParser.from_llm(model, JsonOutputParser(), prompt)
    call.invoke(parser, "{sea}")
    instructions, completion, error = model.prompts[0].split("|")
    assert instructions == JsonOutputParser().get_format_instructions()
    assert completion == "{sea}"
    assert "not valid JSON" in error
    assert "prompt=" in repr(parser)


def test_a_retry_parser_sends_the_prompt_again() -> None:
    """With the answer and the error, until an answer parses."""
    model = Model("no", GOOD)
    parser = RetryOutputParser.from_llm(parser=JsonOutputParser(), llm=model, max_retries=2)
    prompt_value = PromptTemplate.from_template("Which {what}?").format_prompt(what="sea")
    assert parser.parse_with_prompt("{sea}", prompt_value) == {"sea": "Baltic"}
    for prompt, answer in zip(model.prompts, ["{sea}", "no"], strict=True):
        assert prompt.startswith("Which sea?")
        assert f"<answer>\n{answer}\n</answer>" in prompt
        assert "not valid JSON" in prompt


def test_a_retry_parser_can_be_awaited() -> None:
    """Likewise; a good answer asks no model."""
    parser = RetryWithErrorOutputParser.from_llm(llm=Model(GOOD), parser=JsonOutputParser())
    asked = StringPromptValue(text="Which sea?")
    assert asyncio.run(parser.aparse_with_prompt('{"a": 1}', asked)) == {"a": 1}
    assert asyncio.run(parser.aparse_with_prompt("{a}", asked)) == {"sea": "Baltic"}


def test_a_retry_parser_in_a_chain(call: Call) -> None:
    """As in LangChain's guide: a step has the answer and the prompt."""
    prompt = ChatPromptTemplate([("human", "Which {what}?")])
    model = Model("{sea}", GOOD)
    retry = RetryOutputParser.from_llm(llm=model, parser=JsonOutputParser())
    completion = prompt | model | StrOutputParser()
    chain = RunnableParallel(completion=completion, prompt_value=prompt) | RunnableLambda(
        lambda values: retry.parse_with_prompt(**values)
    )
    assert call.invoke(chain, {"what": "sea"}) == {"sea": "Baltic"}
    assert "Human: Which sea?" in model.prompts[1]


def test_a_retry_with_a_prompt_of_ones_own() -> None:
    """It gets the prompt, the answer and the error, by LangChain's names."""
    own = PromptTemplate.from_template("{prompt}|{completion}|{error}")
    model = Model(GOOD)
    parser = RetryOutputParser.from_llm(model, JsonOutputParser(), prompt=own)
    parser.parse_with_prompt("{sea}", "Which sea?")
    assert model.prompts[0].startswith("Which sea?|{sea}|The answer is not valid JSON")


def test_when_no_answer_parses_the_first_error_is_raised() -> None:
    """Its cause has the others."""
    parser = RetryOutputParser.from_llm(llm=Model("no"), parser=JsonOutputParser())
    with pytest.raises(OutputParserException, match="{sea}") as caught:
        parser.parse_with_prompt("{sea}", "Which sea?")
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("kind", [OutputFixingParser, RetryOutputParser])
def test_no_retries_are_refused(kind: Any) -> None:
    """A parser with no retries is the parser itself."""
    with pytest.raises(ConfigError, match="expected at least 1"):
        kind.from_llm(llm=Model(), parser=JsonOutputParser(), max_retries=0)


def test_every_parser_of_text_has_parse_with_prompt() -> None:
    """It needs no prompt."""
    asked = StringPromptValue(text="?")
    assert CommaSeparatedListOutputParser().parse_with_prompt("a, b", asked) == ["a", "b"]
