"""Imports, uses of modules and keywords become ours; what does not is listed."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import pytest

from runnables.migration.reading import UnreadableCode
from runnables.migration.source import migrate_source

FROM = [
    ("from langchain_core.prompts import chain", "from runnables import chain"),
    (
        "from langchain_openai import ChatOpenAI as C",
        "from runnables_providers.openai import ChatOpenAI as C",
    ),
    ("from langchain_core.pydantic_v1 import Field", "from pydantic import Field"),
    ("from langchain_core import pydantic_v1 as p\np.Field", "import pydantic as p\np.Field"),
    ("from langserve import add_routes", "from runnables.serving import add_routes"),
    (
        "from langchain.llms import Ollama",
        "from runnables_providers.ollama import OllamaLLM as Ollama",
    ),
    (
        "from langchain_core.exceptions import ModelRateLimitError as E",
        "from runnables import RateLimitError as E",
    ),
    (
        "from langchain_core.exceptions import ModelRateLimitError as RateLimitError",
        "from runnables import RateLimitError",
    ),
    (
        "from langchain.chains import LLMChain as L",
        "from langchain_classic.chains import LLMChain as L",
    ),
    (
        "from langchain import LLMChain, PromptTemplate, FAISS",
        "from langchain_classic.chains import LLMChain\nfrom runnables import PromptTemplate\n"
        "from langchain_classic.vectorstores import FAISS",
    ),
    (
        "from langchain.prompts import PromptTemplate as P, PromptTemplate\n"
        "PromptTemplate(t, output_parser=p)",
        "from langchain_classic.prompts import PromptTemplate as P, PromptTemplate\n"
        "PromptTemplate(t, output_parser=p)",
    ),
    (
        "from langchain import hub, agents",
        "from langchain_classic import hub\nfrom langchain import agents",
    ),
    (
        "from langchain.agents import initialize_agent, create_agent, AgentExecutor",
        "from langchain_classic.agents import initialize_agent\n"
        "from runnables import create_agent, AgentExecutor",
    ),
    ("é = 1; from langchain.a import tool; b", "é = 1; from runnables import tool; b"),
    (
        "if x: from langchain.a import (\n  tool,\n  chain)",
        "if x: from runnables import (\n  tool,\n  chain)",
    ),
    (
        "if x: from langchain_openai import ChatOpenAI, AzureOpenAIEmbeddings",
        "if x: from runnables_providers.openai import ChatOpenAI; "
        "from langchain_openai import AzureOpenAIEmbeddings",
    ),
    (
        "def f():\n\tfrom langchain.chat_models import init_chat_model, ChatOpenAI  # both\n",
        "def f():\n\tfrom runnables import init_chat_model\n"
        "\tfrom runnables_providers.openai import ChatOpenAI  # both\n",
    ),
    (
        "from langchain_core.prompts import *\nChatPromptTemplate",
        "from runnables import ChatPromptTemplate\nChatPromptTemplate",
    ),
]

MODULES = [
    (
        "import langchain_core.prompts as p, json\np.Runnable",
        "import runnables as p, json\np.Runnable",
    ),
    (
        "import langchain_core as l\nl.tools.tool(l.prompts.PromptTemplate)",
        "import runnables as l\nl.tool(l.PromptTemplate)",
    ),
    (
        "from langchain_core import runnables\nrunnables.Runnable",
        "import runnables\nrunnables.Runnable",
    ),
    (
        "from langchain_core import prompts\nprompts.Runnable",
        "import runnables as prompts\nprompts.Runnable",
    ),
    (
        "import langchain_core.messages\nx: langchain_core.messages.tool.ToolMessage",
        "import runnables\nx: runnables.ToolMessage",
    ),
    (
        "import langchain_core.a, langchain_core.b\nlangchain_core.a.tool(langchain_core.b.chain)",
        "import runnables\nrunnables.tool(runnables.chain)",
    ),
    (
        "import langchain_openai\nlangchain_openai.ChatOpenAI(model_name='m')",
        "import runnables_providers.openai\nrunnables_providers.openai.ChatOpenAI(model='m')",
    ),
    (
        "import langchain_core.prompts as p\np.Runnable\np.StructuredPrompt",
        "import langchain_core.prompts as p, runnables\nrunnables.Runnable\np.StructuredPrompt",
    ),
]

COMMENTS = [
    (
        "from langchain import (messages,  # why\n ChatPromptTemplate)\nmessages.AIMessage",
        "# why\nfrom runnables import ChatPromptTemplate\nimport runnables as messages\n"
        "messages.AIMessage",
    ),
    (
        "if x:\n  a; from langchain_core import (  # one\n  # two\n  messages)\n  messages.tool",
        "if x:\n  # one\n  # two\n  a; import runnables as messages\n  messages.tool",
    ),
    (
        "a = '''\n#'''; from langchain_core import (messages # why\n)\nmessages.tool",
        "# why\na = '''\n#'''; import runnables as messages\nmessages.tool",
    ),
    (
        "from langchain.a import (  # one\n  # two\n  LLMChain,  # three\n  # four\n"
        "  tool,  # five\n)",
        "from langchain_classic.a import (  # one\n  # two\n  LLMChain,  # three\n  # four\n)\n"
        "from runnables import (\n  tool,  # five\n)",
    ),
    (
        "from langchain.a import (Ollama as # one\n OllamaLLM # two\n, # three\n)",
        "# one\nfrom runnables_providers.ollama import (OllamaLLM # two\n, # three\n)",
    ),
    (
        "import langchain_core as l\nf(l  # one\n   .tools  # two\n .tool  # three\n)",
        "import runnables as l\nf((l.tool  # one\n# two\n)  # three\n)",
    ),
    (
        "import langchain_core as l\n@((l  # one\n).tools).tool  # two\ndef f(): ...",
        "import runnables as l\n@(l.tool  # one\n)  # two\ndef f(): ...",
    ),
    (
        "from langchain_openai import ChatOpenAI\n"
        "ChatOpenAI(  # one\n  model_name  # two\n  =  # m\n 'm')",
        "from runnables_providers.openai import ChatOpenAI\n"
        "ChatOpenAI(  # one\n  model  # two\n  =  # m\n 'm')",
    ),
]

STAYING = [
    "from .langchain_core import tool",
    "from langchain_teddynote import logging",
    "import langchain_utils",
    "text = '''\nfrom langchain_core.prompts import chain\n'''\n",
    "from langgraph.graph import StateGraph",
    "from langchain_core.prompts import *\nUnknown",
    "from langchain_core.prompts import *\nfrom mine import *\nPromptTemplate",
    "from langchain_core.prompts import *\n",
    "import langchain",
    "import langchain_core.prompts as p\ngetattr(p, name)",
    "import langchain_core.prompts as p\np = p.Runnable",
    "import langchain_core.prompts\nrunnables = 1\nlangchain_core.prompts.Runnable",
    "from langchain.agents import create_agent, AgentState\ncreate_agent(m, checkpointer=c)",
    "from langchain.agents import create_agent\na = create_agent(m)\na.stream(x, stream_mode=y)",
    "from langchain.agents import create_agent\ncreate_agent(m).astream(x, stream_mode=y)",
    "from langchain_core.prompts import PromptTemplate\nPromptTemplate(t, output_parser=p)",
    "from langchain.agents import create_agent as c\nfrom langgraph.types import Command\nc(m)",
    "from langchain_classic.agents import Agent",
    "from langchain.agents.middleware import AgentMiddleware",
]


def _check(before: str, after: str) -> None:
    assert migrate_source(before).text == after
    ast.parse(after)
    assert migrate_source(after).text == after


@pytest.mark.parametrize(("before", "after"), FROM)
def test_a_name_is_imported_from_ours(before: str, after: str) -> None:
    """Each name from the module that it is in, bound as before."""
    _check(before, after)


@pytest.mark.parametrize(("before", "after"), MODULES)
def test_a_module_becomes_ours_with_its_uses(before: str, after: str) -> None:
    """Whether it is bound by its path, as another name, or imported from its package."""
    _check(before, after)


@pytest.mark.parametrize(("before", "after"), COMMENTS)
def test_comments_within_a_statement_stay(before: str, after: str) -> None:
    """Where their name is, or above the line if it is nowhere."""
    _check(before, after)


@pytest.mark.parametrize("code", STAYING)
def test_what_is_not_certain_stays(code: str) -> None:
    """Other packages, strings, and what has no counterpart are not changed."""
    _check(code, code)


@pytest.mark.parametrize(
    ("code", "line", "what", "why"),
    [
        ("\nimport langchain", 2, "import langchain", "Nothing here uses it"),
        ("import langchain\nlangchain.debug = 1", 2, "langchain.debug", "ConsoleHandler"),
        ("from langgraph.graph import END", 1, "langgraph.graph.END", "stays LangChain's"),
        (
            "from langchain_core.prompts import (\n  Runnable,\n  StructuredPrompt)",
            3,
            "langchain_core.prompts.StructuredPrompt",
            "with_structured_output",
        ),
        (
            "from langchain.chains import LLMChain",
            1,
            "langchain.chains.LLMChain",
            "Without it: Pipe its parts",
        ),
        ("from langchain_core.x import *", 1, "from langchain_core.x import *", "by name"),
        (
            "import langchain_core.prompts as p\ngetattr(p, n)\np.Runnable",
            1,
            "import langchain_core.prompts",
            "cannot be changed",
        ),
        (
            "import langchain_core.prompts as p\np.tool\nx.StructuredPrompt\np.StructuredPrompt",
            4,
            "langchain_core.prompts.StructuredPrompt",
            "with_structured_output",
        ),
        (
            "import langchain_core.prompts as p\np = p.Runnable",
            1,
            "import langchain_core.prompts",
            "bound to something else",
        ),
        (
            "from langchain.agents import create_agent\ncreate_agent(m, middleware=[])",
            1,
            "langchain.agents.create_agent",
            "with middleware=",
        ),
        ("from langchain.agents import Agent", 1, "langchain.agents.Agent", "create_agent"),
        (
            "from langchain_core.pydantic_v1 import root_validator",
            1,
            "langchain_core.pydantic_v1.root_validator",
            "model_validator",
        ),
        (
            "from langchain_core.x import JsonOutputParser\nJsonOutputParser(\n  diff=True)",
            3,
            "JsonOutputParser(diff=...)",
            "snapshots",
        ),
        (
            "from langchain_openai import ChatOpenAI\nChatOpenAI(model='a', model_name='b')",
            2,
            "ChatOpenAI(model_name=...)",
            "given twice",
        ),
        (
            "patch('langchain_openai.ChatOpenAI')",
            1,
            "'langchain_openai.ChatOpenAI'",
            "change it by hand",
        ),
        (
            "from langchain_core.retrievers import BaseRetriever\nr.get_relevant_documents(q)",
            2,
            ".get_relevant_documents",
            "Use invoke",
        ),
    ],
)
def test_what_has_no_counterpart_is_listed(code: str, line: int, what: str, why: str) -> None:
    """With its line and the way out."""
    (found,) = [found for found in migrate_source(code).findings if found.what == what]
    assert why in found.why
    assert found.line == line


KEYWORDS = [
    ("ChatOpenAI(model_name='m', openai_api_key=k)", "ChatOpenAI(model='m', api_key=k)"),
    ("ChatOpenAI(\n  'é', request_timeout = 3)", "ChatOpenAI(\n  'é', timeout = 3)"),
    ("ChatOpenAI(**settings, model_name='m')", "ChatOpenAI(**settings, model='m')"),
    ("ChatOpenAI(model='a', model_name='b')", "ChatOpenAI(model='a', model_name='b')"),
    ("f(ChatOpenAI, model_name='m')", "f(ChatOpenAI, model_name='m')"),
    ("x.ChatOpenAI(model_name='m')", "x.ChatOpenAI(model_name='m')"),
    ("ChatOpenAI = g\nChatOpenAI(model_name='m')", "ChatOpenAI = g\nChatOpenAI(model_name='m')"),
]


@pytest.mark.parametrize(("before", "after"), KEYWORDS)
def test_keywords_get_our_names_where_the_class_is_certain(before: str, after: str) -> None:
    """A class that is bound to something else, or a keyword that is given twice, stays."""
    changed = migrate_source(f"from langchain_openai import ChatOpenAI\n{before}\n").text
    assert changed == f"from runnables_providers.openai import ChatOpenAI\n{after}\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_stay(newline: str) -> None:
    """New lines end as the others do."""
    lines = ["from langchain_core.x import (", "    tool,", "    StructuredPrompt,", ")", "a = 1"]
    after = migrate_source(newline.join(lines)).text
    kept = ["from langchain_core.x import (", "    StructuredPrompt,", ")", "a = 1"]
    assert after == newline.join(["from runnables import (", "    tool,", ")", *kept])


def _nested(depth: int) -> Sequence[str]:
    return [
        "(" * depth + ")" * depth,
        "-" * depth + "1",
        " + ".join("x" * depth),
        "f" + "(1)" * depth,
        "x" + ".a" * depth,
        "".join(f"{' ' * level}if x:\n" for level in range(min(depth, 300))) + " " * 300 + "x",
        "lambda: " * depth + "x",
    ]


@pytest.mark.parametrize("number", range(7))
def test_code_that_is_nested_deeply_is_changed_or_refused(number: int) -> None:
    """It neither ends the process, nor raises anything else than the error for it."""
    for depth in (50, 5_000):
        code = f"from langchain_core.x import tool\n{_nested(depth)[number]}\n"
        try:
            assert migrate_source(code).text.startswith("from runnables import tool\n")
        except UnreadableCode:
            assert depth > 50 or number == 5


@pytest.mark.parametrize("code", ["def f(:", "x = '", "\0", "print 'x'", "if x:\n", "\t x\n  y"])
def test_code_that_does_not_parse_is_refused(code: str) -> None:
    """The error says so."""
    with pytest.raises(UnreadableCode, match="does not parse"):
        migrate_source(f"from langchain_core.x import tool\n{code}")


def test_a_method_that_our_class_lacks_is_listed() -> None:
    """Where the class is ours; the same name of one that stays LangChain's is not."""
    code = (
        "from langchain_text_splitters import CharacterTextSplitter\n"
        "from langchain_text_splitters import RecursiveCharacterTextSplitter\n"
        "one = RecursiveCharacterTextSplitter.from_tiktoken_encoder(chunk_size=100)\n"
        "two = CharacterTextSplitter.from_tiktoken_encoder(chunk_size=100)\n"
    )
    found = [each for each in migrate_source(code).findings if each.line > 2]
    assert [(each.line, each.what) for each in found] == [
        (3, "RecursiveCharacterTextSplitter.from_tiktoken_encoder")
    ]
    assert "length_function=" in found[0].why
