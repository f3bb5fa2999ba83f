"""Prompts in files, JSON or YAML, as LangChain writes them: a template with its settings.

A file makes prompts of three kinds, and nothing else: it names no class and no function, and reads
other files in its own folder only.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.errors import PromptError, did_you_mean
from runnables.prompts.chat import ChatPromptTemplate
from runnables.prompts.few_shot import FewShotPromptTemplate
from runnables.prompts.message import MessagesPlaceholder
from runnables.prompts.string import PromptTemplate

if TYPE_CHECKING:
    import os

_YAML: Final = frozenset({".yaml", ".yml"})
_SHARED: Final = frozenset(
    {"_type", "name", "input_variables", "partial_variables", "template_format"}
)
"""Keys of every kind of prompt."""

_EMPTY: Final[Mapping[str, str]] = {
    "output_parser": "put the parser into the pipe",
    "metadata": "use prompt.with_config(metadata=...)",
    "tags": "use prompt.with_config(tags=[...])",
    "input_types": "pass input_types to the prompt in code",
    "optional_variables": "use a message with a `variable_name` that is `optional`",
}
"""Keys that LangChain writes, and that have to be empty here; for each, what to write instead."""


def load_prompt(
    path: str | os.PathLike[str], encoding: str | None = "utf-8"
) -> PromptTemplate | FewShotPromptTemplate | ChatPromptTemplate:
    """Return the prompt that is in a file: `.json`, `.yaml` or `.yml`.

    Its `_type` is "prompt" (which is the default), "few_shot" or "chat"; the other keys are the
    arguments of `PromptTemplate`, `FewShotPromptTemplate` or `ChatPromptTemplate`. A string may be
    in a `.txt` file of its own (`template_path`, `prefix_path`, `suffix_path`), and
    `examples` and `example_prompt_path` may name files, too: in the folder of this one, or below.

    Args:
        path: the file. YAML needs the extra `yaml`.
        encoding: its encoding.

    Raises:
        PromptError: the file is no prompt, or its template is not well formed.
        MissingExtra: the file is YAML, and PyYAML is not installed.
        OSError: a file cannot be read.

    Example:
        >>> import json, pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "fruit.json")
        ...     _ = file.write_text(json.dumps({"template": "Where does {fruit} grow?"}))
        ...     load_prompt(file).format(fruit="the plum")
        'Where does the plum grow?'
    """
    file = _File(Path(path), encoding)
    kind = file.settings.get("_type", "prompt")
    make = _MAKERS.get(kind) if isinstance(kind, str) else None
    if make is None:
        hint = did_you_mean(str(kind), _MAKERS)
        raise file.error(f"_type={kind!r}.{hint} There are: {', '.join(_MAKERS)}.")
    try:
        return make(file)
    except PromptError as error:
        if str(path) not in str(error):  # of the template, which knows no file
            error.add_note(f"in the prompt of {path}")
        raise


class _File:
    """A file with a prompt, or a dict inside of one.

    Args:
        path: the file.
        encoding: its encoding.
        settings: the dict; None: it is read from the file.
    """

    def __init__(self, path: Path, encoding: str | None, settings: Any = None) -> None:
        self._path = path
        self._encoding = encoding
        read = self._read(path) if settings is None else settings
        if not isinstance(read, dict):
            raise self.error(f"expected a dict with the keys of a prompt, got {read!r:.80}")
        self.settings = cast("dict[str, Any]", read)

    def error(self, reason: str) -> PromptError:
        """Return the error for this file."""
        return PromptError(f"{self._path}: {reason}")

    def inner(self, settings: Any) -> _File:
        """Return a dict inside of this file as one of its own."""
        return _File(self._path, self._encoding, {} if settings is None else settings)

    def neighbour(self, name: str) -> _File:
        """Return the file that a key names."""
        return _File(self._near(name), self._encoding)

    def arguments(self, *own: str) -> dict[str, Any]:
        """Return the settings for the constructor of a prompt.

        Args:
            *own: the keys of this kind of prompt, beside those of every kind.
        """
        known = {*_SHARED, *own}
        for key, value in self.settings.items():
            if key in _EMPTY:
                if value and not (key == "output_parser" and value == {"_type": "default"}):
                    raise self.error(f"{key}={value!r:.80}: {_EMPTY[key]}")
            elif key not in known and key != "validate_template":
                raise self.error(f"unknown key {key!r}.{did_you_mean(str(key), known)}")
        return {
            key: self._checked(key, value)
            for key, value in self.settings.items()
            if key in known and key != "_type" and value is not None
        }

    def text(self, key: str) -> dict[str, Any]:
        """Return a string that is here, or in a `.txt` file of its own; {} where there is none.

        Args:
            key: the key of the string; `key_path` is that of the file.
        """
        here, name = self.settings.get(key), self.settings.get(f"{key}_path")
        if name is None:
            return {} if here is None else {key: self._string(key, here)}
        if here is not None:
            raise self.error(f"both {key!r} and '{key}_path': keep one")
        path = self._near(name)
        if path.suffix != ".txt":
            raise self.error(f"{key}_path={name!r}: expected a file that ends in .txt")
        return {key: path.read_text(encoding=self._encoding)}

    def examples(self) -> list[object]:
        """Return the examples that are here, or in a file of their own."""
        given: Any = self.settings.get("examples")
        found: Any = self._read(self._near(given)) if isinstance(given, str) else given
        if not isinstance(found, list):
            raise self.error(f"examples={given!r:.80}: expected a list, or the name of its file")
        return cast("list[object]", found)

    def _near(self, name: Any) -> Path:
        """Return the path of a file in the folder of this one, or below it."""
        folder = self._path.parent
        path = folder / self._string("a path", name)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise self.error(f"{name!r} is outside of its folder, so it is not read")
        return path

    def _read(self, path: Path) -> Any:
        """Return the content of a JSON or YAML file."""
        if path.suffix == ".json":
            parse: Callable[[str], Any] = json.loads
        elif path.suffix in _YAML:
            parse = _yaml_parser()
        else:
            hint = " The hub is not here: copy the file." if str(path).startswith("lc:") else ""
            raise PromptError(f"{path}: expected a file that ends in .json, .yaml or .yml.{hint}")
        text = path.read_text(encoding=self._encoding)
        try:
            return parse(text)
        except Exception as error:  # both parsers have errors of their own
            kind = "JSON" if path.suffix == ".json" else "YAML"
            raise PromptError(f"{path}: no {kind}: {error}") from error

    def _checked(self, key: str, value: Any) -> Any:
        if key == "input_variables":
            if not isinstance(value, list):
                raise self.error(f"{key}={value!r:.80}: expected a list of names")
            return [self._string(key, name) for name in cast("list[object]", value)]
        if key == "partial_variables" and not isinstance(value, dict):
            raise self.error(f"{key}={value!r:.80}: expected a dict")
        if key in ("name", "template_format"):
            return self._string(key, value)
        return cast("object", value)

    def _string(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.error(f"{key}: {value!r:.80} is no string; put it into quotes")
        return value


def _yaml_parser() -> Callable[[str], Any]:
    try:
        parser: Callable[[str], Any] = importlib.import_module("yaml").safe_load
    except ImportError as error:
        from runnables.core.installation import missing_extra

        raise missing_extra("load_prompt of a YAML file", "pyyaml", "yaml") from error
    return parser


def _prompt(file: _File) -> PromptTemplate:
    arguments: dict[str, Any] = file.arguments("template", "template_path")
    arguments.update(file.text("template"))
    arguments.pop("template_path", None)
    if "template" not in arguments:
        raise file.error("there is neither 'template' nor 'template_path'")
    return PromptTemplate(**arguments)


def _few_shot(file: _File) -> FewShotPromptTemplate:
    paths = ("prefix_path", "suffix_path", "example_prompt_path")
    arguments = file.arguments(
        "prefix", "suffix", "examples", "example_prompt", "example_separator", *paths
    )
    arguments.update(file.text("prefix") | file.text("suffix"))
    arguments["examples"] = file.examples()
    name, here = arguments.get("example_prompt_path"), arguments.get("example_prompt")
    if (name is None) == (here is None):
        raise file.error("expected one of 'example_prompt' and 'example_prompt_path'")
    of_example = file.inner(here) if name is None else file.neighbour(name)
    if of_example.settings.get("_type", "prompt") != "prompt":
        raise of_example.error("the prompt of an example is one of _type 'prompt'")
    arguments["example_prompt"] = _prompt(of_example)
    for path in paths:
        arguments.pop(path, None)
    arguments.setdefault("suffix", "")
    return FewShotPromptTemplate(**arguments)


def _chat(file: _File) -> ChatPromptTemplate:
    arguments = file.arguments("messages")
    messages: Any = arguments.pop("messages", None)
    if not isinstance(messages, list) or not messages:
        raise file.error(f"messages={messages!r:.80}: expected a list of messages")
    written = arguments.get("template_format", "f-string")
    inner = [file.inner(message) for message in cast("Iterable[Any]", messages)]
    parts = [_part(message, written, is_only=len(inner) == 1) for message in inner]
    return ChatPromptTemplate(parts, **arguments)


def _part(file: _File, template_format: str, *, is_only: bool) -> Any:
    """Return a message of a chat prompt; LangChain takes the only one for the user's."""
    message = file.settings
    if "variable_name" in message:
        optional = bool(message.get("optional", False))
        return MessagesPlaceholder(message["variable_name"], optional=optional)
    role = message.get("role", "human" if is_only else None)
    if not isinstance(role, str):
        raise file.error(f"the message {message!r:.80} has no role: system, human, ai, ...")
    if "prompt" not in message:
        return role, file.text("content").get("content") or _missing(file, "content")
    template = file.inner(message["prompt"])
    settings = template.arguments("template", "template_path")
    if settings.get("partial_variables"):
        raise file.error("a message has partial_variables; put them beside the messages")
    if settings.get("template_format", template_format) != template_format:
        raise file.error("a message has another template_format than the prompt")
    return role, template.text("template").get("template") or _missing(template, "template")


def _missing(file: _File, key: str) -> Any:
    raise file.error(f"a message has no {key!r}")


_MAKERS: Final[
    Mapping[str, Callable[[_File], PromptTemplate | FewShotPromptTemplate | ChatPromptTemplate]]
] = {
    "prompt": _prompt,
    "few_shot": _few_shot,
    "chat": _chat,
}
