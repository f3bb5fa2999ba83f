"""Prompts in files: what is read, from where, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    ChatPromptTemplate,
    FewShotPromptTemplate,
    MessagesPlaceholder,
    PromptError,
    PromptTemplate,
    load_prompt,
)

JOKE = "Tell me a {adjective} joke about {content}."
ANTONYMS = FewShotPromptTemplate(
    prefix="Write antonyms for the following words.",
    example_prompt=PromptTemplate("Input: {input}\nOutput: {output}"),
    examples=[{"input": "happy", "output": "sad"}, {"input": "tall", "output": "short"}],
    suffix="Input: {adjective}\nOutput:",
)
FEW_SHOT: dict[str, Any] = {
    "_type": "few_shot",
    "input_variables": ["adjective"],
    "prefix": ANTONYMS.prefix,
    "example_prompt": {"template": "Input: {input}\nOutput: {output}"},
    "examples": [{"input": "happy", "output": "sad"}, {"input": "tall", "output": "short"}],
    "suffix": ANTONYMS.suffix,
}


def written(folder: Path, name: str, content: Any) -> Path:
    """Write a file, a dict as JSON; return its path."""
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_saved_template_is_read(tmp_path: Path) -> None:
    """With all of the keys that LangChain writes, and with as few as possible."""
    saved = {
        "name": None,
        "input_variables": ["adjective", "content"],
        "optional_variables": [],
        "output_parser": None,
        "partial_variables": {},
        "metadata": None,
        "tags": None,
        "template": JOKE,
        "template_format": "f-string",
        "validate_template": True,
        "_type": "prompt",
    }
    assert load_prompt(written(tmp_path, "saved.json", saved)) == PromptTemplate(JOKE)
    short = written(tmp_path, "short.json", {"template": JOKE})
    assert load_prompt(str(short)) == PromptTemplate(JOKE)


def test_yaml_is_read(tmp_path: Path) -> None:
    """Block strings, partial values, other formats, and letters of any script."""
    text = "_type: prompt\ninput_variables: [adjective]\npartial_variables:\n  content: Bären\n"
    path = written(tmp_path, "joke.yaml", f"{text}template: |\n  {JOKE}\n")
    loaded = load_prompt(path, encoding="utf8")
    assert loaded.format(adjective="wry") == "Tell me a wry joke about Bären.\n"
    mustache = "_type: prompt\ntemplate: 'Hello {{name}}'\ntemplate_format: mustache\n"
    assert load_prompt(written(tmp_path, "m.yml", mustache)).format(name="Ann") == "Hello Ann"


def test_few_shot_prompts_are_read(tmp_path: Path) -> None:
    """With examples and their prompt in the file, or in files beside it, from any folder."""
    assert load_prompt(written(tmp_path, "one.json", FEW_SHOT)) == ANTONYMS
    written(tmp_path, "examples.yaml", json.dumps(FEW_SHOT["examples"]))
    written(tmp_path, "example_prompt.json", FEW_SHOT["example_prompt"])
    written(tmp_path, "prefix.txt", str(ANTONYMS.prefix))
    parts = {key: FEW_SHOT[key] for key in ("_type", "input_variables", "suffix")}
    parts |= {"examples": "examples.yaml", "example_prompt_path": "example_prompt.json"}
    parts |= {"prefix_path": "prefix.txt"}
    assert load_prompt(written(tmp_path, "two.json", parts)) == ANTONYMS


def test_chat_prompts_are_read(tmp_path: Path) -> None:
    """All messages, by their roles; the only one is the user's, as LangChain reads it."""
    messages = [
        {"role": "system", "prompt": {"template": "You are {who}."}},
        {"variable_name": "history", "optional": True},
        {"role": "user", "content": "{question}"},
    ]
    saved = {"_type": "chat", "input_variables": ["who", "question"], "messages": messages}
    assert load_prompt(written(tmp_path, "chat.json", saved)) == ChatPromptTemplate(
        [
            ("system", "You are {who}."),
            MessagesPlaceholder("history", optional=True),
            ("human", "{question}"),
        ]
    )
    one = {"_type": "chat", "messages": [{"prompt": {"template": "{q}", "_type": "prompt"}}]}
    loaded = load_prompt(written(tmp_path, "one.json", one))
    assert loaded == ChatPromptTemplate([("human", "{q}")])


def test_a_template_may_be_in_a_file_below(tmp_path: Path) -> None:
    """Named from the folder of the prompt, wherever the program runs."""
    (tmp_path / "below").mkdir()
    written(tmp_path / "below", "joke.txt", JOKE)
    path = written(tmp_path, "prompt.json", {"template_path": "below/joke.txt"})
    assert load_prompt(path) == PromptTemplate(JOKE)


def test_no_file_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    """By an absolute path, by dots, or through a link; nor one that is no text file."""
    inner = tmp_path / "prompts"
    inner.mkdir()
    secret = written(tmp_path, "secret.txt", "secret")
    (inner / "link.txt").symlink_to(secret)
    written(inner, "code.py", "secret")
    for name in (str(secret), "../secret.txt", "link.txt", "code.py"):
        for content in (
            {"template_path": name},
            {**FEW_SHOT, "prefix": None, "prefix_path": name},
            {**FEW_SHOT, "examples": name},
            {**FEW_SHOT, "example_prompt": None, "example_prompt_path": name},
        ):
            with pytest.raises(PromptError, match=r"outside|ends in"):
                load_prompt(written(inner, "prompt.json", content))


WRONG: list[tuple[Any, str]] = [
    ({"_type": "promt", "template": "a"}, "Did you mean 'prompt'"),
    ({"_type": ["prompt"], "template": "a"}, "There are: prompt, few_shot, chat"),
    ({"_type": "prompt"}, "neither 'template' nor"),
    ({"template": "a", "template_path": "a.txt"}, "keep one"),
    ({"tmplate": "a"}, "Did you mean 'template'"),
    ({"template": 1}, "put it into quotes"),
    ({"template": "{a}", "input_variables": "a"}, "a list of names"),
    ({"template": "{a}", "input_variables": [False]}, "put it into quotes"),
    ({"template": "{a}", "partial_variables": ["a"]}, "expected a dict"),
    ({"template": "{a"}, "Line 1, column 1"),
    ({"template": "a", "output_parser": {"_type": "regex_parser"}}, "into the pipe"),
    ({"template": "a", "tags": ["t"]}, "with_config"),
    ({"_type": "chat", "messages": []}, "a list of messages"),
    ({"_type": "chat", "messages": [{"content": "a"}, {"content": "b"}]}, "has no role"),
    ({"_type": "chat", "messages": [{"role": "human"}]}, "no 'content'"),
    ({"_type": "chat", "messages": [{"role": "human", "prompt": {}}]}, "no 'template'"),
    ({"_type": "chat", "messages": ["a"]}, "expected a dict"),
    ({**FEW_SHOT, "examples": {}}, "expected a list"),
    ({**FEW_SHOT, "example_prompt_path": "a.json"}, "expected one of"),
    ({**FEW_SHOT, "example_prompt": FEW_SHOT}, "one of _type 'prompt'"),
    (["a"], "expected a dict"),
    ("{", "no JSON"),
]


@pytest.mark.parametrize(("content", "words"), WRONG, ids=range(len(WRONG)))
def test_a_file_that_is_no_prompt_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    """The error says what is wrong, and where."""
    with pytest.raises(PromptError, match=words) as caught:
        load_prompt(written(tmp_path, "prompt.json", content))
    assert "prompt.json" in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def test_a_jinja_template_runs_in_the_sandbox(tmp_path: Path) -> None:
    """It reads its values, and nothing that is reachable from them."""
    saved = {"template": "{{ a.__class__ }}", "template_format": "jinja2"}
    loaded = load_prompt(written(tmp_path, "prompt.json", saved))
    with pytest.raises(PromptError):
        loaded.format(a="x")
    saved["template"] = "{% if a %}{{ a }}{% endif %}"
    assert load_prompt(written(tmp_path, "prompt.json", saved)).format(a="x") == "x"


def test_other_variables_than_those_of_the_template_are_a_warning(tmp_path: Path) -> None:
    """As for a prompt in code: those of the template count."""
    path = written(tmp_path, "prompt.json", {"template": "{a}", "input_variables": ["b"]})
    with pytest.warns(UserWarning, match="Missing variables"):
        assert load_prompt(path).input_variables == ["a"]


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    """A tag that names a class of Python is an error; so is text that is no YAML."""
    for text in ("template: !!python/object/apply:os.getcwd []", "template: [", "- a"):
        with pytest.raises(PromptError, match=r"prompt.yaml"):
            load_prompt(written(tmp_path, "prompt.yaml", text))


def test_other_files_are_refused(tmp_path: Path) -> None:
    """By their names; a file that is not there is Python's own error."""
    with pytest.raises(PromptError, match="ends in .json, .yaml or .yml"):
        load_prompt(written(tmp_path, "prompt.py", "template = 'a'"))
    with pytest.raises(PromptError, match="copy the file"):
        load_prompt("lc://prompts/hello-world/prompt.yml.txt")
    with pytest.raises(FileNotFoundError):
        load_prompt(tmp_path / "none.json")


def test_without_its_package_yaml_says_what_to_install(tmp_path: Path) -> None:
    """JSON needs nothing."""
    yaml, as_json = (
        written(tmp_path, "a.yaml", "template: a"),
        written(tmp_path, "a.json", {"template": "a"}),
    )
    code = (
        "import sys; sys.modules['yaml'] = None\n"
        "from runnables import MissingExtra, load_prompt\n"
        f"assert load_prompt({str(as_json)!r}).format() == 'a'\n"
        "try:\n"
        f"    load_prompt({str(yaml)!r})\n"
        "except MissingExtra as error:\n"
        "    assert 'pyyaml' in str(error) and 'Install it with' in str(error), error\n"
        "else:\n"
        "    raise AssertionError('loaded')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
