"""Parts of ours that code hands to LangChain: its classes check them, so they are converted.

`LLMChain(llm=model)` refuses a model of ours; `LLMChain(llm=to_langchain(model))` takes it. What a
name stands for is followed through assignments, pipes and lists. Where that is not certain, nothing
is changed.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runnables.migration.answers import Ours
    from runnables.migration.reading import Code

What: TypeAlias = (
    Literal["part", "list", "dict", "store", "theirs", "class", "parameter", "node"] | None
)
"""What an expression is: a part of ours; a list or a dict with some; a store of ours, whose
retriever is a part; an object of LangChain; a class whose objects are parts; a function of one
argument, or of one and the config, which may be a node of a graph; None: not known."""

MODELS: Final = frozenset(
    "ChatOpenAI AzureChatOpenAI OpenAI ChatAnthropic ChatGoogleGenerativeAI ChatOllama OllamaLLM "
    "init_chat_model FakeListChatModel FakeMessagesListChatModel GenericFakeChatModel "
    "ParrotFakeChatModel FakeListLLM FakeStreamingListLLM".split()
)
"""Our classes and functions that make models of chats and of text."""

PARTS: Final = MODELS | frozenset(
    "OpenAIEmbeddings GoogleGenerativeAIEmbeddings OllamaEmbeddings "
    "init_embeddings DeterministicFakeEmbedding FakeEmbeddings "
    "ChatPromptTemplate PromptTemplate FewShotPromptTemplate FewShotChatMessagePromptTemplate "
    "FewShotPromptWithTemplates load_prompt "
    "RunnableAssign RunnableBinding RunnableBranch RunnableEach RunnableGenerator RunnableLambda "
    "RunnableMap RunnableParallel RunnablePassthrough RunnablePick RunnableRetry RunnableSequence "
    "RunnableWithFallbacks RunnableWithMessageHistory RouterRunnable "
    "CommaSeparatedListOutputParser DatetimeOutputParser EnumOutputParser JsonOutputKeyToolsParser "
    "JsonOutputParser JsonOutputToolsParser MarkdownListOutputParser NumberedListOutputParser "
    "OutputFixingParser PydanticOutputParser PydanticToolsParser RetryOutputParser "
    "RetryWithErrorOutputParser SimpleJsonOutputParser StrOutputParser StructuredOutputParser "
    "XMLOutputParser "
    "Tool StructuredTool create_retriever_tool RecursiveCharacterTextSplitter Document "
    "ConversationBufferMemory ConversationBufferWindowMemory ConversationSummaryMemory "
    "ChatMessageHistory InMemoryChatMessageHistory create_agent AgentExecutor "
    "StdOutCallbackHandler StreamingStdOutCallbackHandler OpenAICallbackHandler "
    "UsageMetadataCallbackHandler AIMessage HumanMessage SystemMessage ToolMessage ChatMessage "
    "AIMessageChunk HumanMessageChunk".split()
)
"""Our classes and functions that make what `to_langchain` converts."""

BASES: Final = frozenset(
    "BaseTool BaseChatModel SimpleChatModel LLM BaseLLM Embeddings BaseRetriever BaseOutputParser "
    "BaseCallbackHandler AsyncCallbackHandler BaseChatMessageHistory Runnable RunnableSerializable "
    "BasePromptTemplate StringPromptTemplate BaseChatPromptTemplate".split()
)
"""Our classes whose subclasses make parts."""

_STORES: Final = frozenset({"InMemoryVectorStore", "SQLiteStore", "QdrantStore"})
_DECORATORS: Final = frozenset({"tool", "chain"})
_METHODS: Final = frozenset(
    "bind bind_tools with_config with_retry with_fallbacks with_structured_output with_types "
    "with_listeners configurable_fields configurable_alternatives partial assign pick map pipe "
    "as_tool".split()
)
"""Methods of parts that return a part."""

_DOCUMENTS: Final = frozenset({"split_documents", "create_documents", "transform_documents"})
"""Methods of parts that return a list of parts."""

_OF_LANGCHAIN: Final = frozenset({"compile", "as_retriever"})
"""Methods of LangChain's objects that return one."""

_TAKE_NODES: Final = frozenset({"add_node", "add_conditional_edges"})
"""Methods of graphs. What a node returns goes into their state: messages of ours are converted."""


_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_MODULE: Final = 0
"""What names are bound in, beside the ids of functions."""


class Origins:
    """What the names in cells of code stand for, and the places where parts go to LangChain.

    Args:
        cells: the cells.
        ours: returns our name for what a call names; None where it is not one of ours.
        is_theirs: tells whether a name stands for something that stays LangChain's.
    """

    def __init__(
        self,
        cells: Sequence[Code],
        ours: Callable[[tuple[str, ...]], Ours | None],
        is_theirs: Callable[[str], bool],
    ) -> None:
        self._ours = ours
        self._is_theirs = is_theirs
        self._cells = cells
        self._known: dict[tuple[int, str], What] = {}
        self._found: dict[int, What] = {}
        self._values: dict[tuple[int, str], list[ast.expr | What]] = {}
        self._scopes: dict[int, tuple[int, ...]] = {}
        for code in cells:
            self._read(code.tree)

    def _read(self, tree: ast.Module) -> None:
        """Note what each name is bound to, in the function where it is."""
        waiting: list[tuple[ast.AST, tuple[int, ...], bool]] = [(tree, (_MODULE,), False)]
        while waiting:
            node, scope, is_attribute = waiting.pop()
            self._scopes[id(node)] = scope
            if not is_attribute:
                self._note(node, scope[-1])
            inside = (*scope, id(node)) if isinstance(node, _FUNCTIONS) else scope
            attributes = {id(each) for each in node.body} if isinstance(node, ast.ClassDef) else ()
            children = ast.iter_child_nodes(node)
            waiting.extend((child, inside, id(child) in attributes) for child in children)

    def places(self) -> list[list[ast.expr]]:
        """Return, for each cell, the expressions that are to be converted."""
        try:
            found = {id(place) for code in self._cells for place in self._places(code)}
        except RecursionError:  # a pipe of thousands of steps: nothing is certain then
            return [list[ast.expr]() for _ in self._cells]
        return [
            [
                node
                for node in ast.walk(code.tree)
                if isinstance(node, ast.expr) and id(node) in found - code.unplaced
            ]
            for code in self._cells
        ]

    def calls_of_models(self) -> list[list[ast.expr]]:
        """Return, for each cell, the models that it calls like a function, with their input."""
        return [
            [
                node.func
                for node in ast.walk(code.tree)
                if isinstance(node, ast.Call)
                and id(node) not in code.unplaced
                and len(node.args) == 1
                and not isinstance(node.args[0], ast.Starred)
                and all(keyword.arg == "stop" for keyword in node.keywords)
                and self._is_model(node.func, set())
            ]
            for code in self._cells
        ]

    def _is_model(self, value: ast.expr, seen: set[tuple[int, str]]) -> bool:
        """Tell whether an expression is certainly a model of ours."""
        if isinstance(value, ast.Call):
            found = self._ours(_path(value.func))
            return found is not None and found.name in MODELS
        if not isinstance(value, ast.Name):
            return False
        keys = [(scope, value.id) for scope in reversed(self._scopes.get(id(value), ()))]
        key = next((key for key in keys if key in self._values), (_MODULE, value.id))
        if key in seen:  # a name that is made of itself
            return False
        bound = self._values.get(key, [])
        return bool(bound) and all(
            isinstance(each, ast.expr) and self._is_model(each, seen | {key}) for each in bound
        )

    def _places(self, code: Code) -> Iterator[ast.expr]:
        for node in ast.walk(code.tree):
            if not isinstance(node, ast.Call) or not self._is_of_theirs(node.func):
                continue
            for value in (*node.args, *(k.value for k in node.keywords if k.arg is not None)):
                yield from self._within(value)
            if isinstance(node.func, ast.Attribute) and node.func.attr in _TAKE_NODES:
                yield from (value for value in node.args[1:2] if self.what(value) == "node")

    def _is_of_theirs(self, func: ast.expr) -> bool:
        """Tell whether what is called is LangChain's, or a method of an object of it."""
        while isinstance(func, ast.Attribute):
            func = func.value
        if isinstance(func, ast.Name):
            return self._is_theirs(func.id) or self.what(func) == "theirs"
        return isinstance(func, ast.Call) and self.what(func) == "theirs"

    def _within(self, value: ast.expr) -> Iterator[ast.expr]:
        what = self.what(value)
        if what in {"part", "list"}:
            yield value
        elif isinstance(value, ast.Dict):
            for each in value.values:
                yield from self._within(each)
        elif isinstance(value, ast.List | ast.Tuple):
            for each in value.elts:
                yield from self._within(each)
        elif what == "dict" and isinstance(value, ast.Name):
            for bound in self._values.get(self._key(value), ()):
                if isinstance(bound, ast.Dict):
                    yield from self._within(bound)

    def what(self, value: ast.expr) -> What:
        """Return what an expression is."""
        if id(value) not in self._found:
            self._found[id(value)] = self._what(value)
        return self._found[id(value)]

    def _what(self, value: ast.expr) -> What:
        match value:
            case ast.Name():
                return self._of_name(self._key(value))
            case ast.Call():
                return self._of_call(value)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                sides = {self.what(left), self.what(right)}
                return "part" if "part" in sides else "theirs" if "theirs" in sides else None
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                sides = {self.what(left), self.what(right)}
                return "list" if "list" in sides else "part" if "part" in sides else None
            case ast.List(elts=elts) | ast.Tuple(elts=elts):
                return "list" if any(self.what(each) == "part" for each in elts) else None
            case ast.ListComp(elt=elt):
                return "list" if self.what(elt) == "part" else None
            case ast.Dict(values=values):
                return "dict" if any(True for each in values for _ in self._within(each)) else None
            case ast.Subscript(value=several, slice=index) if self.what(several) == "list":
                return "list" if isinstance(index, ast.Slice) else "part"
            case ast.IfExp(body=body, orelse=orelse):
                return _joined({self.what(body), self.what(orelse)})
            case _:
                return None

    def _key(self, name: ast.Name) -> tuple[int, str]:
        """Return the function that binds a name, with the name.

        A parameter counts as what is called the same outside of the function, if anything is.
        """
        scopes = self._scopes.get(id(name), (_MODULE,))
        found = [(scope, name.id) for scope in reversed(scopes) if (scope, name.id) in self._values]
        values = self._values
        certain = (key for key in found if any(value != "parameter" for value in values[key]))
        return next(certain, (_MODULE, name.id))

    def _of_name(self, key: tuple[int, str]) -> What:
        if key not in self._known:
            self._known[key] = None  # a name that is made of itself
            kinds: set[What] = {
                self.what(value) if isinstance(value, ast.expr) else value
                for value in self._values.get(key, ())
            }
            self._known[key] = _joined(kinds)
        return self._known[key]

    def _of_call(self, call: ast.Call) -> What:
        if isinstance(call.func, ast.Attribute):
            owner, method = self.what(call.func.value), call.func.attr
            if owner == "part":
                return "part" if method in _METHODS else "list" if method in _DOCUMENTS else None
            if owner == "theirs":
                return "theirs" if method in _OF_LANGCHAIN else None
            if owner == "store":
                return "part" if method == "as_retriever" else None
        path = _path(call.func)
        if not path:
            return None
        if self._is_theirs(path[0]):
            return "theirs"
        if isinstance(call.func, ast.Name) and self.what(call.func) == "class":
            return "part"
        found = self._ours(path) or (
            self._ours(path[:-1]) if path[-1].startswith("from_") or path[-1] == "assign" else None
        )
        if found is None:
            return None
        if found.name in _STORES:
            return "store"
        return "part" if found.name in PARTS else None

    def _note(self, node: ast.AST, scope: int) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(scope, target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(scope, target, value)
            case ast.NamedExpr(target=target, value=value):
                self._bind(scope, target, value)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._add(scope, name, self._of_function(node))
            case ast.ClassDef(name=name, bases=bases):
                found = (self._ours(_path(base)) for base in bases)
                is_part = any(ours is not None and ours.name in BASES for ours in found)
                self._add(scope, name, "class" if is_part else None)
            case ast.Global(names=names):
                for name in names:
                    self._add(_MODULE, name, None)
            case ast.arg(arg=name):
                self._add(scope, name, "parameter")
            case (
                ast.For(target=target, iter=values) | ast.comprehension(target=target, iter=values)
            ):
                self._bind(scope, target, ast.Subscript(values, ast.Constant(0)))
            case ast.AsyncFor(target=target):
                self._bind(scope, target, None)
            case ast.AugAssign(target=target):
                self._bind(scope, target, None)
            case ast.withitem(optional_vars=ast.expr() as target):
                self._bind(scope, target, None)
            case _:
                return

    def _of_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> What:
        if any(map(self._makes, node.decorator_list)):
            return "part"
        given = node.args
        others = (given.vararg, given.kwarg, *given.kwonlyargs, *node.decorator_list)
        names = [parameter.arg for parameter in (*given.posonlyargs, *given.args)]
        is_node = bool(names) and names[1:] in ([], ["config"]) and not any(others)
        return "node" if is_node else None

    def _makes(self, decorator: ast.expr) -> bool:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        found = self._ours(_path(named))
        return found is not None and found.name in _DECORATORS

    def _bind(self, scope: int, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self._add(scope, target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self._bind(scope, each, None)

    def _add(self, scope: int, name: str, value: ast.expr | What) -> None:
        self._values.setdefault((scope, name), []).append(value)


def _joined(kinds: set[What]) -> What:
    """Return what a name is that stands for several; what is LangChain's stays as it is anyway."""
    certain = kinds - {"theirs", "parameter"}
    if len(certain) == 1:
        return certain.pop()
    return "theirs" if kinds == {"theirs"} else None


def _path(node: ast.expr) -> tuple[str, ...]:
    """Return the names in a dotted name; none where it is something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()
