"""What code hands to LangChain goes through `to_langchain`, where it is certain what it is."""

from __future__ import annotations

import ast
import re
import textwrap

import pytest

from runnables.migration.handing import BASES, PARTS
from runnables.migration.names import OURS
from runnables.migration.reading import read
from runnables.migration.source import migrate_cells, migrate_source

HEAD = """\
from langchain_core.prompts import PromptTemplate
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool, tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter
from langchain.chains import LLMChain
from langgraph.graph import StateGraph
from langchain_community.vectorstores import FAISS
import somewhere
model = ChatOpenAI()
prompt = PromptTemplate.from_template("{a}")
"""


def lines(code: str) -> str:
    """Return what becomes of lines behind the head, and check the import and a second run."""
    given = HEAD + textwrap.dedent(code)
    text = migrate_source(given).text
    new, old = text.splitlines(), given.splitlines()
    assert "to_langchain" in new[0]
    assert len(new) == len(old)
    assert migrate_source(text).text == text
    return "\n".join(new[HEAD.count("\n") :])


HANDED = [
    "LLMChain(llm=«model», prompt=«prompt»)",
    "LLMChain(«model.bind(a=1)»)",
    "class A:\n  model: int = 1\n  def prompt(self): ...\nLLMChain(«model», «prompt»)",
    "def f():\n  prompt = 1\n  return LLMChain(prompt)\nLLMChain(«prompt»)",
    "def f():\n  x = prompt\n  return LLMChain(«x»)\ndef g():\n  x = 1\n  return LLMChain(x)",
    "def f():\n  x = prompt\n  return lambda a: LLMChain(«x»)",
    "LLMChain(«ChatOpenAI(api_key='a')»)",
    "FAISS.from_strings([], «OpenAIEmbeddings()»)",
    "c = prompt | model | str\nLLMChain(«c»)",
    "LLMChain(«{'a': 1} | prompt»)",
    "parts = [prompt, 1]\nLLMChain(«parts»)",
    "LLMChain(«[1, prompt]»)",
    "LLMChain(«x + [prompt]»)",
    "LLMChain(«[PromptTemplate(t) for t in x]»)",
    "LLMChain(a={'p': «prompt», 'q': 1})",
    "kw = {'p': «prompt»}\nLLMChain(kw=kw)",
    "LLMChain(«prompt if x else model»)",
    "@tool\ndef f(): ...\nLLMChain(tools=«[f]»)",
    "@tool('f')\ndef f(): ...\nLLMChain(«f»)",
    "class T(BaseTool): ...\nLLMChain(«T()»)",
    "def f(model):\n  return LLMChain(«model»)",
    "docs = [Document('a')]\nfor d in docs: FAISS.add(«d», «docs[1:]», «docs[0]»)",
    "s = InMemoryVectorStore(OpenAIEmbeddings())\nLLMChain(«s.as_retriever()»)",
    "s = RecursiveCharacterTextSplitter()\nFAISS.from_documents(«s.split_documents(x)», «s»)",
    "g = StateGraph(dict)\ndef node(state): ...\ng.add_node('n', «node»)",
    "g = StateGraph(dict)\ndef node(state, config): ...\ng.add_node('n', «node»)",
    "g = StateGraph(dict).compile()\ng.invoke({'messages': «[HumanMessage('a')]»})",
    "LLMChain(  # why\n  «model»,\n)",
    "LLMChain((«prompt\n | model»))",
    "é = LLMChain('ä', «prompt»)",
]
"""Code, with marks around what is converted."""


@pytest.mark.parametrize("code", HANDED)
def test_a_part_that_is_handed_to_langchain_is_converted(code: str) -> None:
    """By any name that certainly stands for one, in lists and dicts, and in calls of methods."""
    marked = f"LLMChain(«prompt»)\n{code}"
    after = marked.replace("«", "to_langchain(").replace("»", ")")
    assert lines(re.sub("[«»]", "", marked)) == after


NOT_HANDED = [
    "somewhere.LLMChain(model)",
    "PromptTemplate(prompt)",
    "LLMChain(prompt.format(a=1), model.invoke(1))",
    "LLMChain(llm=other)",
    "x = prompt\nx = 1\nLLMChain(x)",
    "x = [prompt]\nx, y = 1, 2\nLLMChain(x)",
    "LLMChain(*[prompt], **model)",
    "LLMChain = print\nLLMChain(model)",
    "LLMChain('model', 1, None, len)",
    "def f(a, b): ...\nStateGraph(dict).add_node('n', f)",
    "def f(a): ...\nLLMChain(f)",
    "x = y\ny = x\nLLMChain(x)",
    "x = prompt\ndef f():\n  global x\n  x = 1\nLLMChain(x)",
]


@pytest.mark.parametrize("code", NOT_HANDED)
def test_what_is_not_certain_is_handed_as_it_is(code: str) -> None:
    """Other people's calls, names that stand for several things, and plain values."""
    assert "to_langchain" not in migrate_source(HEAD + code).text


CALLED = [
    ("x = model(y)", "x = model.invoke(y)"),
    ("model(y, stop=['a'])", "model.invoke(y, stop=['a'])"),
    ("(model  # why\n)(y).content", "(model.invoke  # why\n)(y).content"),
    ("ChatOpenAI()('a')", "ChatOpenAI().invoke('a')"),
    (
        "m = model\ndef f():\n  return m(m('a').text)",
        "m = model\ndef f():\n  return m.invoke(m.invoke('a').text)",
    ),
    ("LLMChain(model)('a')", "LLMChain(to_langchain(model))('a')"),
    ("f(model(y))", "f(model.invoke(y))"),
]


@pytest.mark.parametrize(("before", "after"), CALLED)
def test_a_model_that_is_called_like_a_function_is_invoked(before: str, after: str) -> None:
    """Versions of LangChain before 1 allow it, and much code does it."""
    text = migrate_source(HEAD + before).text
    assert text.endswith(f"\n{after}")
    assert migrate_source(text).text == text


NOT_CALLED = [
    "prompt(y)",
    "model(y, z)",
    "model(*y)",
    "model()",
    "model(y, callbacks=z)",
    "def f(model):\n  return model(y)",
    "model = somewhere.model\nmodel(y)",
    "m = m\nm(y)",
    "somewhere.model(y)",
]


@pytest.mark.parametrize("code", NOT_CALLED)
def test_what_may_be_a_function_is_called_as_before(code: str) -> None:
    """Parameters, names that stand for several things, and calls that a model does not take."""
    assert ".invoke" not in migrate_source(HEAD + code).text


THEIRS = "from langchain.chains import LLMChain"
CLASSIC = "from langchain_classic.chains import LLMChain"
IT = "from runnables import to_langchain"
IMPORTED = [
    (THEIRS, f"{CLASSIC}\n{IT}"),
    (f"import json\n{THEIRS}", f"import json\n{CLASSIC}\n{IT}"),
    (
        f"import langchain_core.prompts as p\n{THEIRS}\np.chain",
        f"import runnables as p\n{IT}\n{CLASSIC}\np.chain",
    ),
    (f"{THEIRS}; a = 1", f"{CLASSIC}; {IT}; a = 1"),
    (f"{IT}\n{THEIRS}", f"{IT}\n{CLASSIC}"),
    (f"if x:\n  {THEIRS}", None),
    (f"{THEIRS}\nto_langchain = 1", None),
    (f"def g():\n  LLMChain(P('b'))\n{THEIRS}", None),
]


@pytest.mark.parametrize(("head", "after"), IMPORTED, ids=range(len(IMPORTED)))
def test_the_function_is_imported_where_the_code_has_it(head: str, after: str | None) -> None:
    """At the top, before it is used; without such a place nothing is converted."""
    body = "\ndef f():\n  from langchain_core.prompts import PromptTemplate as P\n  "
    text = migrate_source(f"{head}{body}LLMChain(P('a'))").text
    if after is None:
        assert "to_langchain(" not in text
    else:
        ours = body.replace("langchain_core.prompts", "runnables")
        assert text == f"{after}{ours}LLMChain(to_langchain(P('a')))"


def test_cells_hand_over_what_other_cells_made() -> None:
    """The import is in the first cell that can have it, and a dict is changed in its own."""
    cells = [
        "from langchain_core.prompts import PromptTemplate",
        "kw = {'p': PromptTemplate('a')}",
        "from langchain.chains import LLMChain",
        "LLMChain(kw)",
    ]
    assert [found.text for found in migrate_cells([read(cell) for cell in cells])] == [
        "from runnables import PromptTemplate, to_langchain",
        "kw = {'p': to_langchain(PromptTemplate('a'))}",
        "from langchain_classic.chains import LLMChain",
        "LLMChain(kw)",
    ]


def test_a_pipe_of_any_length_is_changed_or_left() -> None:
    """Its steps are followed as deep as Python can."""
    code = f"{HEAD}LLMChain({' | '.join(['prompt'] * 900)})"
    assert ast.parse(migrate_source(code).text)


def test_the_parts_are_names_of_ours() -> None:
    """A name that is gone would be converted no more."""
    assert set(OURS) >= PARTS
    assert set(OURS) >= BASES
