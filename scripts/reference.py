"""Write the pages of the API reference, one for each subject, with every public name on one.

    python -m scripts.reference build/docs/reference

A page lists names and no more. What is said of them (signature, contract, errors, example) is
taken from the code by mkdocstrings when the site is built. A public name that is on no page, a
name on two pages, and a name that is not public are errors, so that the list below stays true.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Final, cast

MODULES = (
    "runnables",
    "runnables.testing",
    "providers.local",
    "providers.openai",
    "providers.anthropic",
    "providers.google",
    "providers.ollama",
    "providers.scripted",
)
"""The modules that users import from. What `__all__` lists is public, or else what they define."""


_SHOWN: Final = re.compile(r"[^_]|__r?(or|add)__$")  # `filters` in zensical.toml says the same


@dataclass(frozen=True)
class Subject:
    """A page of the reference.

    Attributes:
        file: its name, without the ending.
        about: what its first paragraph says.
        sections: names by heading, as a reader looks for them. Names stand for `runnables.<name>`;
            what lives elsewhere is written with its module.
    """

    file: str
    title: str
    about: str
    sections: dict[str, str]

    def names(self) -> Iterator[str]:
        """Yield the full path of each name on the page, from top to bottom."""
        for names in self.sections.values():
            for name in names.split():
                yield name if "." in name else f"runnables.{name}"

    def text(self) -> str:
        """Return the page as Markdown, with a mkdocstrings block for each name."""
        lines = [f"# {self.title}", "", self.about, ""]
        for heading, names in self.sections.items():
            lines += [f"## {heading}", ""]
            for name in names.split():
                lines += _entry(name if "." in name else f"runnables.{name}")
        return "\n".join(lines)


SUBJECTS = (
    Subject(
        "running",
        "Running and composing",
        "Everything is a `Runnable`. These are its methods, what `|` and the fluent methods make, "
        "and what a call can be told.",
        {
            "The contract": "Runnable",
            "Chains": "RunnableSequence RunnableParallel RunnableMap RunnableEach RunnableBranch "
            "RouterRunnable RouterInput",
            "Dicts": "RunnablePassthrough RunnableAssign RunnablePick",
            "Options and config": "RunnableBinding RunnableConfig ensure_config merge_configs "
            "cancelled",
            "Configurable runnables": "ConfigurableField ConfigurableFieldSingleOption "
            "ConfigurableFieldMultiOption RunnableConfigurableFields "
            "RunnableConfigurableAlternatives",
            "Streams": "Stream AsyncStream",
            "How chunks add up": "DELTAS SNAPSHOTS RESET ByKey ByIndex Joined Merge "
            "MergeableChunk merge_chunks",
        },
    ),
    Subject(
        "functions",
        "Functions",
        "Functions and generator functions as steps, and bases for steps of your own.",
        {
            "As steps": "RunnableLambda RunnableGenerator chain coerce_to_runnable",
            "Steps of your own": "Inline Decoder",
        },
    ),
    Subject(
        "policies",
        "Policies",
        "What happens when a step fails or takes too long. Each is made by a method of `Runnable`: "
        "`with_retry`, `with_fallbacks`, `with_timeout`.",
        {
            "Retries, fallbacks, timeouts": "RunnableRetry RunnableWithFallbacks RunnableTimeout",
            "What is worth a retry": "worth_retrying",
        },
    ),
    Subject(
        "messages",
        "Messages",
        "What models read and write.",
        {
            "Messages": "BaseMessage HumanMessage AIMessage SystemMessage ToolMessage ChatMessage",
            "Tool calls": "ToolCall InvalidToolCall ToolCallChunk tool_call invalid_tool_call "
            "tool_call_chunk",
            "Content blocks": "ContentBlock Content TextContentBlock ReasoningContentBlock "
            "RefusalContentBlock ImageContentBlock AudioContentBlock VideoContentBlock "
            "FileContentBlock PlainTextContentBlock NonStandardContentBlock",
            "What stands for messages": "convert_to_messages MessageLikeRepresentation "
            "MessagesLike AnyMessage",
            "Select and trim": "trim_messages filter_messages merge_message_runs "
            "count_tokens_approximately get_buffer_string",
            "Save and convert": "message_to_dict message_from_dict messages_to_dict "
            "messages_from_dict convert_to_openai_messages",
            "Chunks": "BaseMessageChunk AIMessageChunk HumanMessageChunk SystemMessageChunk "
            "ToolMessageChunk ChatMessageChunk message_to_chunk message_chunk_to_message",
            "Token counts": "UsageMetadata InputTokenDetails OutputTokenDetails add_usage "
            "subtract_usage",
        },
    ),
    Subject(
        "prompts",
        "Prompts",
        "Templates that turn values into messages or a text.",
        {
            "Chat prompts": "ChatPromptTemplate MessagesPlaceholder",
            "Text prompts": "PromptTemplate PromptTemplateFormat",
            "Parts of a chat prompt": "HumanMessagePromptTemplate AIMessagePromptTemplate "
            "SystemMessagePromptTemplate ChatMessagePromptTemplate ImagePromptTemplate "
            "DictPromptTemplate",
            "Examples": "FewShotChatMessagePromptTemplate FewShotPromptTemplate "
            "LengthBasedExampleSelector ExampleSelector AsyncExampleSelector BaseExampleSelector",
            "What a prompt makes": "PromptValue ChatPromptValue StringPromptValue",
            "Bases": "BasePromptTemplate BaseChatPromptTemplate StringPromptTemplate "
            "BaseMessagePromptTemplate",
        },
    ),
    Subject(
        "parsers",
        "Parsers",
        "Runnables that read a model's answer, chunk by chunk where that makes sense.",
        {
            "Text": "StrOutputParser",
            "JSON and objects": "JsonOutputParser SimpleJsonOutputParser PydanticOutputParser",
            "Lists and values": "ListOutputParser CommaSeparatedListOutputParser "
            "NumberedListOutputParser MarkdownListOutputParser EnumOutputParser "
            "DatetimeOutputParser XMLOutputParser",
            "Tool calls": "JsonOutputToolsParser JsonOutputKeyToolsParser PydanticToolsParser",
            "Correcting answers": "RepairParser",
            "Parsers of your own": "BaseOutputParser BaseTransformOutputParser BaseParser",
            "Partial JSON": "parse_partial_json parse_json_markdown JsonReader JsonText JsonError",
        },
    ),
    Subject(
        "tools",
        "Tools and agents",
        "Functions that a model can call, and models that call them until they know the answer.",
        {
            "Tools": "tool StructuredTool RunnableTool BaseTool InjectedToolArg "
            "InjectedToolCallId convert_to_openai_tool",
            "Agents": "create_agent Agent AgentInput AgentMessages AgentState AgentAnswer",
        },
    ),
    Subject(
        "models",
        "Models",
        "Chat models: how one is made, what every one can do, and models for tests.",
        {
            "Make one": "init_chat_model",
            "What every model can do": "ChatModel LanguageModelInput RawAnswer",
            "Stop sequences, for models of your own": "cut_at_stop cut_message cut_chunks "
            "acut_chunks StopCutter",
            "Models without a service": "FakeListChatModel FakeMessagesListChatModel "
            "GenericFakeChatModel ParrotFakeChatModel",
        },
    ),
    Subject(
        "embeddings",
        "Embeddings",
        "Models that turn texts into vectors.",
        {
            "Embeddings": "init_embeddings Embeddings",
            "Without a service": "DeterministicFakeEmbedding FakeEmbeddings",
        },
    ),
    Subject(
        "limits",
        "Caches, limits and money",
        "What keeps calls of models from being made twice, too fast, or for too much.",
        {
            "Caches": "InMemoryCache SQLiteCache RunnableCache BaseCache",
            "Rate limits": "InMemoryRateLimiter BaseRateLimiter",
            "Money": "Budget",
        },
    ),
    Subject(
        "events",
        "Events and usage",
        "What can be seen of a run: in the console, as a stream of events, as a count of tokens.",
        {
            "Watch": "ConsoleHandler StreamEvent",
            "Handlers of your own": "Handler Event",
            "Events of your own": "dispatch_custom_event adispatch_custom_event",
            "Usage": "track_usage Usage",
        },
    ),
    Subject(
        "errors",
        "Errors",
        "Every error of the library is a `RunnablesError`. An error of your own function stays "
        "what it is.",
        {
            "The base": "RunnablesError",
            "Building and calling": "ConfigError ColourError MissingExtra MergeError EmptyStream "
            "RecursionLimitError StepTimeout",
            "Prompts and parsers": "PromptError MissingVariableError PromptInputError "
            "OutputParserException",
            "Models and services": "ModelError RateLimitError ServerError ModelConnectionError "
            "ModelTimeoutError AuthenticationError PermissionDeniedError InvalidRequestError "
            "ContextLengthError ModelRefusalError WeightsError BudgetExceeded",
            "Tools and agents": "ToolException ToolArgumentsError StepLimitError",
        },
    ),
    Subject(
        "testing",
        "Testing",
        "A model that plays a script, and the suite that every model of the library passes. "
        "`runnables.testing` needs pytest.",
        {
            "A scripted model": "providers.scripted.ScriptedChatModel providers.scripted.Delay "
            "providers.scripted.ScriptedCall",
            "Suites to subclass": "runnables.testing.ChatModelTests "
            "runnables.testing.EmbeddingsTests runnables.testing.Wire "
            "runnables.testing.EmbeddingsWire",
            "What a wire speaks of": "runnables.testing.Asked runnables.testing.Answer "
            "runnables.testing.Said runnables.testing.SaidCall runnables.testing.Unsayable "
            "runnables.testing.json_line runnables.testing.server_sent",
            "To write further tests": "runnables.testing.Stage runnables.testing.Colour "
            "runnables.testing.ReplayServer runnables.testing.Streamed runnables.testing.Hang "
            "runnables.testing.Cut",
        },
    ),
    Subject(
        "providers",
        "Providers",
        "The classes behind `init_chat_model` and `init_embeddings`, for settings that only one "
        "provider has.",
        {
            "OpenAI and Azure": "providers.openai.ChatOpenAI providers.openai.AzureChatOpenAI "
            "providers.openai.OpenAIEmbeddings providers.openai.Timeouts",
            "Anthropic": "providers.anthropic.ChatAnthropic",
            "Google": "providers.google.ChatGoogleGenerativeAI "
            "providers.google.GoogleGenerativeAIEmbeddings",
            "Ollama": "providers.ollama.ChatOllama providers.ollama.OllamaEmbeddings",
            "The local model": "providers.local.LocalChatModel providers.local.LocalEmbeddings "
            "providers.local.Weights providers.local.SMOLLM2 providers.local.cache_dir "
            "providers.local.fetch providers.local.unload",
        },
    ),
)


@cache
def public_names() -> frozenset[str]:
    """Return the full path of every public name."""
    return frozenset(f"{module}.{name}" for module in MODULES for name in _listed(module))


def _entry(path: str) -> list[str]:
    """Return the lines that stand for one name."""
    lines = [f"::: {path}"]
    value = loaded(path)
    if isinstance(value, type) and (inherited := _from_private_bases(value)):
        members = [*_described(value), *inherited]
        lines += ["    options:", f"      members: [{', '.join(members)}]"]
        lines += [f"      inherited_members: [{', '.join(inherited)}]"]
    return [*lines, ""]


def loaded(path: str) -> object:
    """Return the object of a full path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _from_private_bases(value: type) -> list[str]:
    """Return what a class inherits from bases that have no entry of their own.

    Users call these methods on the class that they know. What a public base has too is left out:
    it is shown there, once.
    """
    shown = {loaded for loaded in map(loaded, public_names()) if isinstance(loaded, type)}
    bases = [base for base in value.__mro__[1:] if _is_ours(base)]
    public = {name for base in bases if base in shown for name in dir(base)}
    private = [name for base in bases if base not in shown for name in _described(base)]
    return [name for name in dict.fromkeys(private) if name not in public | set(vars(value))]


def _described(kind: type) -> list[str]:
    """Return the members that a class itself defines and describes, in the order of its source."""
    body = cast("ast.ClassDef", ast.parse(dedent(inspect.getsource(kind))).body[0]).body
    found: list[str] = []
    for node, after in pairwise([*body, ast.Pass()]):
        match node, after:
            case ((ast.FunctionDef() | ast.AsyncFunctionDef()), _) if ast.get_docstring(node):
                found.append(node.name)
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str())):
                found.append(name)
    return [name for name in found if _SHOWN.match(name)]


def _is_ours(base: type) -> bool:
    return base.__module__.partition(".")[0] in {"runnables", "providers"}


def _listed(path: str) -> list[str]:
    module = importlib.import_module(path)
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == path
    ]


def faults() -> list[str]:
    """Return what is wrong with the list of subjects; nothing, as it should be."""
    pages = Counter(name for subject in SUBJECTS for name in subject.names())
    public = public_names()
    return [
        *(f"{name} is public and on no page" for name in sorted(public - set(pages))),
        *(f"{name} is on a page and not public" for name in sorted(set(pages) - public)),
        *(f"{name} is listed {count} times" for name, count in sorted(pages.items()) if count > 1),
    ]


def contents() -> str:
    """Return the first page of the reference: every subject with its names, as links."""
    lines = [
        "# Reference",
        "",
        "Every public name, by subject. The examples take all names of `runnables` as imported; "
        "what else they need, they import.",
        "",
    ]
    for subject in SUBJECTS:
        names = [f"[`{name.rpartition('.')[2]}`][{name}]" for name in subject.names()]
        lines += [f"## [{subject.title}]({subject.file}.md)", "", subject.about, ""]
        lines += [" \u00b7\n".join(names), "{ .names }", ""]
    return "\n".join(lines)


def write(folder: Path) -> None:
    """Write the pages into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.md").write_text(contents(), encoding="utf-8")
    for subject in SUBJECTS:
        (folder / f"{subject.file}.md").write_text(subject.text(), encoding="utf-8")


def main() -> int:
    """Write the pages, or say why not."""
    wrong = faults()
    for fault in wrong:
        print(f"{fault}: change SUBJECTS in scripts/reference.py", file=sys.stderr)
    if not wrong:
        write(Path(sys.argv[1]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
