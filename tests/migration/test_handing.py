"""What code hands to LangChain goes through `to_langchain`, where it is certain what it is."""

from __future__ import annotations

import ast
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
    ("LLMChain(llm=model, prompt=prompt)", "LLMChain(llm=to_langchain(model), prompt=to_langchain(prompt))"),
    ("LLMChain(model.bind(a=1))", "LLMChain(to_langchain(model.bind(a=1)))"),
    ("LLMChain(ChatOpenAI(model_name='a'))", "LLMChain(to_langchain(ChatOpenAI(model='a')))"),
    ("FAISS.from_texts([], OpenAIEmbeddings())", "FAISS.from_texts([], to_langchain(OpenAIEmbeddings()))"),
    ("c = prompt | model | str\nLLMChain(c)", "c = prompt | model | str\nLLMChain(to_langchain(c))"),
    ("LLMChain({'a': 1} | prompt)", "LLMChain(to_langchain({'a': 1} | prompt))"),
    ("parts = [prompt, 1]\nLLMChain(parts)", "parts = [prompt, 1]\nLLMChain(to_langchain(parts))"),
    ("LLMChain([1, prompt])", "LLMChain(to_langchain([1, prompt]))"),
    ("LLMChain(x + [prompt])", "LLMChain(to_langchain(x + [prompt]))"),
    ("LLMChain([PromptTemplate(t) for t in x])", "LLMChain(to_langchain([PromptTemplate(t) for t in x]))"),
    ("LLMChain(a={'p': prompt, 'q': 1})", "LLMChain(a={'p': to_langchain(prompt), 'q': 1})"),
    ("kw = {'p': prompt}\nLLMChain(kw=kw)", "kw = {'p': to_langchain(prompt)}\nLLMChain(kw=kw)"),
    ("LLMChain(prompt if x else model)", "LLMChain(to_langchain(prompt if x else model))"),
    ("@tool\ndef f(): ...\nLLMChain(tools=[f])", "@tool\ndef f(): ...\nLLMChain(tools=to_langchain([f]))"),
    ("@tool('f')\ndef f(): ...\nLLMChain(f)", "@tool('f')\ndef f(): ...\nLLMChain(to_langchain(f))"),
    ("class T(BaseTool): ...\nLLMChain(T())", "class T(BaseTool): ...\nLLMChain(to_langchain(T()))"),
    ("def f(model):\n  return LLMChain(model)", "def f(model):\n  return LLMChain(to_langchain(model))"),
    (
        "docs = [Document('a')]\nfor d in docs: FAISS.add(d, docs[1:], docs[0])",
        "docs = [Document('a')]\nfor d in docs: "
        "FAISS.add(to_langchain(d), to_langchain(docs[1:]), to_langchain(docs[0]))",
    ),
    (
        "s = InMemoryVectorStore(OpenAIEmbeddings())\nLLMChain(s.as_retriever())",
        "s = InMemoryVectorStore(OpenAIEmbeddings())\nLLMChain(to_langchain(s.as_retriever()))",
    ),
    (
        "s = RecursiveCharacterTextSplitter()\nFAISS.from_documents(s.split_documents(x), s)",
        "s = RecursiveCharacterTextSplitter()\n"
        "FAISS.from_documents(to_langchain(s.split_documents(x)), to_langchain(s))",
    ),
    (
        "g = StateGraph(dict)\ndef node(state): ...\ng.add_node('n', node)",
        "g = StateGraph(dict)\ndef node(state): ...\ng.add_node('n', to_langchain(node))",
    ),
    (
        "g = StateGraph(dict).compile()\ng.invoke({'messages': [HumanMessage('a')]})",
        "g = StateGraph(dict).compile()\ng.invoke({'messages': to_langchain([HumanMessage('a')])})",
    ),
    ("LLMChain(  # why\n  model,\n)", "LLMChain(  # why\n  to_langchain(model),\n)"),
    ("LLMChain((prompt\n | model))", "LLMChain((to_langchain(prompt\n | model)))"),
    ("é = LLMChain('ä', prompt)", "é = LLMChain('ä', to_langchain(prompt))"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), HANDED, ids=[before for before, _ in HANDED])
def test_a_part_that_is_handed_to_langchain_is_converted(before: str, after: str) -> None:
    """By any name that certainly stands for one, in lists and dicts, and in calls of methods."""
    start, end = "LLMChain(prompt)", "LLMChain(to_langchain(prompt))"
    assert lines(f"{start}\n{before}") == f"{end}\n{after}"


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
]


@pytest.mark.parametrize("code", NOT_HANDED)
def test_what_is_not_certain_is_handed_as_it_is(code: str) -> None:
    """Other people's calls, names that stand for several things, and plain values."""
    assert "to_langchain" not in migrate_source(HEAD + code).text


IMPORTED = [
    ("from langchain.chains import LLMChain\n{}", "from langchain_classic.chains import LLMChain\nfrom runnables import to_langchain\n{}"),
    ("import langchain_core.prompts\nfrom langchain.chains import LLMChain\n{}", "import runnables\nfrom runnables import to_langchain\nfrom langchain_classic.chains import LLMChain\n{}"),
    ("if x:\n  from langchain.chains import LLMChain\n{}", None),
    ("from langchain.chains import LLMChain\nto_langchain = 1\n{}", None),
    ("from runnables import to_langchain\nfrom langchain.chains import LLMChain\n{}", "from runnables import to_langchain\nfrom langchain_classic.chains import LLMChain\n{}"),
    ("from langchain.chains import LLMChain; a = 1\n{}", "from langchain_classic.chains import LLMChain; from runnables import to_langchain; a = 1\n{}"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), IMPORTED, ids=range(len(IMPORTED)))
def test_the_function_is_imported_where_the_code_has_it(before: str, after: str | None) -> None:
    """At the top, before it is used; without such a place nothing is converted."""
    body = "def f():\n  from langchain_core.prompts import PromptTemplate\n  LLMChain({})"
    if "langchain_core.prompts\n" in before:
        body = "LLMChain({})"
    call = (
        "PromptTemplate('a')"
        if body.startswith("def")
        else "langchain_core.prompts.PromptTemplate('a')"
    )
    text = migrate_source(before.format(body.format(call))).text
    assert ("to_langchain(" in text) == (after is not None)
    if after is not None:
        new = body.replace("langchain_core.prompts import", "runnables import")
        ours = call.replace("langchain_core.prompts", "runnables")
        assert text == after.format(new.format(f"to_langchain({ours})"))


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
