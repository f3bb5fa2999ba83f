"""Documents from files: which files, in which order, decoded how, and what their errors say."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from runnables import ConfigError, Document, DocumentLoadError, iter_documents, load_documents
from runnables.retrieval.decoding import decoded
from runnables.retrieval.files import matcher


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files of several kinds, at several depths."""
    files = {
        "b.txt": "The sea is calm.",
        "a.md": "Intro\n\n# The land #\n\nIt is dry.",
        "deep/er/page.html": "<title>Sky &amp; air</title><p>It is blue.",
        "deep/NOTES.TXT": "Shouted.",
        "deep.txt": "Beside the folder of that name.",
        "code.py": "print('not loaded')",
        "empty.txt": " \n",
        ".hidden/secret.txt": "hidden",
        ".secret.txt": "hidden",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def names(documents: list[Document], folder: Path) -> list[str]:
    """Return the sources below a folder."""
    return [Path(doc.metadata["source"]).relative_to(folder).as_posix() for doc in documents]


def test_a_folder_is_loaded_in_the_order_of_its_paths(folder: Path) -> None:
    """Text, Markdown and HTML of all depths; no hidden files, no empty ones, no other kinds."""
    documents = load_documents(folder)
    expected = ["a.md", "b.txt", "deep/NOTES.TXT", "deep/er/page.html", "deep.txt"]
    assert names(documents, folder) == expected
    assert documents == list(iter_documents(str(folder)))
    by_name = dict(zip(expected, documents, strict=True))
    assert by_name["b.txt"].page_content == "The sea is calm."
    assert by_name["deep/er/page.html"].page_content == "It is blue."


def test_a_document_knows_its_source_and_title(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is the path as it was passed; the title that of a page, or a first heading."""
    monkeypatch.chdir(folder)
    found = {doc.metadata["source"]: doc.metadata.get("title") for doc in load_documents(".")}
    assert found["a.md"] == "The land"
    assert found["b.txt"] is None
    assert found["deep/er/page.html"] == "Sky & air"
    assert load_documents("b.txt")[0].metadata == {"source": "b.txt"}


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.md", ["a.md"]),
        (["*.MD", "b.*"], ["a.md", "b.txt"]),
        ("deep/**/*.*", ["deep/NOTES.TXT", "deep/er/page.html"]),
        ("deep/*.*", ["deep/NOTES.TXT"]),
        ("**/er/*", ["deep/er/page.html"]),
        ("[ab].*", ["a.md", "b.txt"]),
        ("[!ab]?.txt", []),
        ("code.py", ["code.py"]),
        ("deep/**", ["deep/NOTES.TXT", "deep/er/page.html"]),
    ],
)
def test_a_pattern_chooses_files(folder: Path, glob: Any, expected: list[str]) -> None:
    """A name at any depth, or a path with folders; upper and lower case are the same."""
    assert names(load_documents(folder, glob), folder) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("[a-c]", "abc"), ("[!a-c]", "d-^]\\"), ("[c-a]", ""), ("[!c-a]", "abcd-^]\\"),
     ("[a--]", ""), ("[-a]", "a-"), ("[b^]", "b^"), ("[&&]", ""), ("[a-]", "a-"), ("[\\]", "\\")],
)  # fmt: skip
def test_a_set_of_characters(pattern: str, expected: str) -> None:
    """Ranges as in shells; what has a meaning in a regular expression has none."""
    is_wanted = matcher([pattern])
    assert {each for each in "abcd-^]\\" if is_wanted(each)} == set(expected)


@given(st.text(alphabet="ab.[]*?!^\\-/&|~", max_size=8))
@example("[?--]")
@example("[b-a]")
@example("[a&&b]")
def test_any_pattern_can_be_asked(pattern: str) -> None:
    """A pattern that means nothing matches itself at most; none is an error of `re`."""
    matcher([pattern])("a.b")
    if not set(pattern) & set("*?[/"):
        assert matcher([pattern])(f"a/{pattern}")


def test_one_file_is_loaded_whatever_its_name(folder: Path) -> None:
    """The patterns are for folders."""
    assert load_documents(folder / "code.py")[0].page_content == "print('not loaded')"
    assert load_documents(folder / ".secret.txt")[0].page_content == "hidden"


def test_files_are_read_when_they_are_asked_for(folder: Path) -> None:
    """A file that is written meanwhile is read as it then is; mistakes are errors at once."""
    documents = iter_documents(folder)
    assert next(documents).metadata["title"] == "The land"
    (folder / "b.txt").write_text("It is rough.", encoding="utf-8")
    assert next(documents).page_content == "It is rough."
    with pytest.raises(DocumentLoadError, match="There is no file or folder"):
        iter_documents(folder / "nowhere")
    with pytest.raises(ConfigError, match="on_error='ignore'"):
        iter_documents(folder, on_error="ignore")  # type: ignore[arg-type]


def test_loops_of_links_end(folder: Path) -> None:
    """Links are followed, and each folder is read once, by the first path that leads to it."""
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "deep" / "er" / "itself").symlink_to(folder / "deep" / "er")
    (folder / "linked.txt").symlink_to(folder / "b.txt")
    (folder / "round").symlink_to(folder / "round")
    expected = ["a.md", "b.txt", "deep/NOTES.TXT", "deep/er/page.html", "deep.txt", "linked.txt"]
    assert names(load_documents(folder), folder) == expected


def test_a_link_does_not_lead_out_of_the_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A folder of other people could name any file of the machine: it is an error, unless asked."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "keys.txt").write_text("a key", encoding="utf-8")
    alike = folder.with_name(f"{folder.name}-alike")  # not below, for all its name
    alike.mkdir()
    own = names(load_documents(folder), folder)
    (folder / "key.txt").symlink_to(outside / "keys.txt")
    (folder / "other").symlink_to(outside, target_is_directory=True)
    (folder / "alike").symlink_to(alike, target_is_directory=True)
    (folder / "key.py").symlink_to(outside / "keys.txt")  # not wanted, so no error
    with pytest.raises(DocumentLoadError, match=r"alike.* is a link to .*links_outside=True"):
        load_documents(folder)
    errors: list[DocumentLoadError] = []
    assert names(load_documents(folder, on_error=errors.append), folder) == own
    assert [Path(error.path).name for error in errors] == ["alike", "key.txt", "other"]
    followed = names(load_documents(folder, links_outside=True), folder)
    assert followed == [*own, "key.txt", "other/keys.txt"]


def test_a_folder_may_be_a_link_itself(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What it leads to is the folder."""
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(folder, target_is_directory=True)
    (folder / "deep" / "up.txt").symlink_to(folder / "b.txt")
    assert names(load_documents(link), link) == names(load_documents(folder), folder)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes of that kind")
def test_a_pipe_is_no_file(folder: Path) -> None:
    """It would be read for ever."""
    os.mkfifo(folder / "pipe.txt")
    assert "pipe.txt" not in names(load_documents(folder), folder)


ENCODED: list[tuple[str, bytes, str | None]] = [
    ("utf-8", "Größe".encode(), None),
    ("UTF-8 with a mark", codecs.BOM_UTF8 + "Größe".encode(), None),
    ("UTF-16 with a mark", "Größe".encode("utf-16"), None),
    ("big-endian UTF-16", codecs.BOM_UTF16_BE + "Größe".encode("utf-16-be"), None),
    ("UTF-32 with a mark", "Größe".encode("utf-32"), None),
    ("as passed", "Größe".encode("cp1252"), "cp1252"),
    ("a mark before what was passed", codecs.BOM_UTF8 + "Größe".encode(), "cp1252"),
]


@pytest.mark.parametrize(
    ("data", "encoding"), [case[1:] for case in ENCODED], ids=[case[0] for case in ENCODED]
)
def test_the_encoding_is_found_out(tmp_path: Path, data: bytes, encoding: str | None) -> None:
    """By the byte order mark, by what was passed, or UTF-8."""
    (tmp_path / "a.txt").write_bytes(data)
    [document] = load_documents(tmp_path, encoding=encoding)
    assert document.page_content == "Größe"


@pytest.mark.parametrize(
    "declaration",
    ['<meta charset="iso-8859-1">', "<META http-equiv=x content='text/html; charset=latin1'>",
     "<?xml version='1.0' encoding='windows-1252'?>", "<meta charset=us-ascii>"],
)  # fmt: skip
def test_a_page_declares_its_encoding(tmp_path: Path, declaration: str) -> None:
    """As browsers read it: Latin-1 has the quotes of Windows."""
    (tmp_path / "a.html").write_bytes(f"{declaration}<p>“Größe”".encode("cp1252"))
    assert load_documents(tmp_path)[0].page_content == "“Größe”"


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1252", "ascii"])
def test_a_page_of_one_byte_a_character_is_always_read(tmp_path: Path, declared: str) -> None:
    """The few bytes without a meaning are control characters, as in browsers."""
    page = f'<meta charset="{declared}"><p>'.encode() + bytes(range(0x80, 0x100)) + b"</p>"
    (tmp_path / "a.html").write_bytes(page)
    text = load_documents(tmp_path)[0].page_content
    assert len(text) == 0x80
    assert text[:2] == "€\x81"
    assert text.encode()


@pytest.mark.parametrize("declared", ["no-such-encoding", "utf-16", "rot13", "\x80"])
def test_a_declaration_that_cannot_be_true_is_ignored(tmp_path: Path, declared: str) -> None:
    """The page is read as UTF-8."""
    text = f'<meta charset="{declared}"><p>Größe'
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    assert load_documents(tmp_path)[0].page_content == "Größe"


def test_line_breaks_are_one_character(tmp_path: Path) -> None:
    """So offsets are the same, whatever system a file is from."""
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree\n")
    assert load_documents(tmp_path)[0].page_content == "one\ntwo\nthree\n"


BAD: dict[str, tuple[bytes, str]] = {
    "another encoding": ("Größe".encode("cp1252"), "it is not utf-8: byte 0xf6 at 2"),
    "cut off": ("Größe".encode()[:3], "it is not utf-8: byte 0xc3 at 2"),
    "binary": (b"\x7fELF\0\0", "a binary file"),
    "half a character": (codecs.BOM_UTF16_LE + b"a", "it is not utf-16"),
}


@pytest.fixture
def broken(folder: Path, request: pytest.FixtureRequest) -> Path:
    """The folder, with a file that cannot be read as text."""
    (folder / "bad.txt").write_bytes(BAD[request.param][0])
    return folder


@pytest.mark.parametrize("broken", BAD, indirect=True)
def test_a_file_that_is_no_text_is_named(broken: Path, request: pytest.FixtureRequest) -> None:
    """The error says why, and what can be done."""
    with pytest.raises(DocumentLoadError) as caught:
        load_documents(broken)
    reason = BAD[request.node.callspec.params["broken"]][1]
    assert reason in str(caught.value)
    assert "bad.txt" in str(caught.value)
    assert "on_error='skip'" in str(caught.value)
    assert caught.value.path == str(broken / "bad.txt")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("broken", BAD, indirect=True)
def test_a_file_that_is_no_text_can_be_left_out(broken: Path) -> None:
    """All others are loaded; a function receives the error."""
    errors: list[DocumentLoadError] = []
    skipped = load_documents(broken, on_error="skip")
    assert load_documents(broken, on_error=errors.append) == skipped
    assert "bad.txt" not in names(skipped, broken)
    assert len(skipped) == 5
    assert [Path(error.path).name for error in errors] == ["bad.txt"]


def test_what_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken link; a folder that may not be listed (as root may list any, by a stand-in)."""
    (folder / "broken.txt").symlink_to(folder / "nowhere.txt")
    listdir = os.listdir

    def refuse(path: Any) -> list[str]:
        if Path(path).name == "er":
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    errors: list[DocumentLoadError] = []
    documents = load_documents(folder, on_error=errors.append)
    assert names(documents, folder) == ["a.md", "b.txt", "deep/NOTES.TXT", "deep.txt"]
    assert [Path(error.path).name for error in errors] == ["broken.txt", "er"]
    assert "no such file or directory" in str(errors[0])
    assert "permission denied" in str(errors[1])
    with pytest.raises(DocumentLoadError, match=r"broken\.txt"):
        load_documents(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoding": "utf-9"}, "encoding='utf-9'"),
        ({"encoding": "rot13"}, "encoding='rot13'"),
        ({"encoding": 8}, "encoding=8"),
        ({"glob": 5}, "glob=5"),
        ({"glob": []}, "expected a pattern"),
        ({"glob": [3]}, "expected a pattern"),
        ({"on_error": None}, "on_error=None"),
    ],
    ids=["unknown", "no text", "no name", "no list", "no pattern", "a number", "nothing"],
)
def test_mistakes_are_refused(folder: Path, settings: dict[str, Any], message: str) -> None:
    """Before any file is read."""
    with pytest.raises(ConfigError, match=message):
        load_documents(folder, **settings)


@given(st.text(st.characters(exclude_characters="\0\r\ufeff", exclude_categories=["Cs"])))
def test_text_comes_back_from_each_encoding(text: str) -> None:
    """What is written in an encoding is read as it was; `\\0` would be a binary file."""
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert decoded(text.encode(encoding)) == text


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_a_name_that_is_no_text_is_an_error_of_its_file(tmp_path: Path) -> None:
    """No store could keep it as the source. The other files are loaded."""
    (tmp_path / "a.txt").write_text("sea")
    with open(os.path.join(os.fsencode(tmp_path), b"b\xff.txt"), "wb") as file:
        file.write(b"land")
    with pytest.raises(DocumentLoadError, match="its name is not UTF-8"):
        load_documents(tmp_path)
    assert names(load_documents(tmp_path, on_error="skip"), tmp_path) == ["a.txt"]
