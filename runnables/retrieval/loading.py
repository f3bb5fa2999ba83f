"""Documents from files: text, Markdown and HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

from runnables.errors import ConfigError, RunnablesError
from runnables.retrieval.decoding import check_encoding, decoded
from runnables.retrieval.documents import Document
from runnables.retrieval.files import LinkOutside, files_below, matcher
from runnables.retrieval.html_text import read_html


class DocumentLoadError(RunnablesError):
    """A file or folder that cannot be loaded as documents.

    Attributes:
        path: its path.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


OnError: TypeAlias = Literal["raise", "skip"] | Callable[[DocumentLoadError], object]
"""What happens to a file that cannot be read: its error is raised, or skipped, or passed on."""

DEFAULT_GLOB: Final = ("*.txt", "*.md", "*.markdown", "*.html", "*.htm")
_HTML: Final = frozenset({".html", ".htm", ".xhtml"})
_MARKDOWN: Final = frozenset({".md", ".markdown"})
_FENCE: Final = re.compile(r"\s{0,3}(```|~~~)")
_FIRST_HEADING: Final = re.compile(r"#[ \t]+(.+?)[ \t#]*$")


def load_documents(
    path: str | PathLike[str],
    glob: str | Sequence[str] = DEFAULT_GLOB,
    *,
    encoding: str | None = None,
    on_error: OnError = "raise",
    links_outside: bool = False,
) -> list[Document]:
    """Return the contents of a folder, or of one file, as documents.

    Read are text, Markdown and HTML, of which headings and lists become Markdown's, and scripts and
    styles are left out. Any other file that the `glob` names is read as text. The metadata of a
    document has its `source`, the path as it was passed and the path within the folder, with
    slashes; and its `title`, if an HTML page has one, or a first heading.

    Files come sorted by path. Hidden files and folders are left out. Links are followed, and a
    folder that several lead to is read once; one that leads out of the folder is an error, as a
    folder of other people could name any file of the machine. A file without visible text gives no
    document.

    Args:
        path: a folder, which is searched with all folders below it, or a file, whatever its name.
        glob: the patterns of the files: "*.md" for all of a kind, "guides/**/*.md" for those below
            one folder. By default text, Markdown and HTML.
        encoding: the encoding of all files. None finds it out for each: by its byte order mark, by
            what an HTML page declares, else it is UTF-8.
        on_error: what happens to a file, or a folder, that cannot be read: its error is raised
            ("raise"), nothing ("skip"), or it is passed to a function.
        links_outside: whether links that lead out of the folder are followed, too.

    Raises:
        DocumentLoadError: there is no such path; or, with "raise", a file that cannot be read, is
            of another encoding, is binary, or is a link out of the folder. The error names the
            file.
        ConfigError: an encoding that Python does not know, or another mistake in the arguments.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "sea.md").write_text("# The sea\\n\\nIt is calm.")
        ...     [document] = load_documents(folder)
        >>> document.page_content, document.metadata["title"]
        ('# The sea\\n\\nIt is calm.', 'The sea')
    """
    found = iter_documents(
        path, glob, encoding=encoding, on_error=on_error, links_outside=links_outside
    )
    return list(found)


def iter_documents(
    path: str | PathLike[str],
    glob: str | Sequence[str] = DEFAULT_GLOB,
    *,
    encoding: str | None = None,
    on_error: OnError = "raise",
    links_outside: bool = False,
) -> Iterator[Document]:
    """Do what `load_documents` does, one file at a time, for folders that do not fit into memory.

    Mistakes in the arguments are errors at once. A file is read when its document is asked for, and
    is closed before the document is returned.

    Args:
        path: see `load_documents`, as for all of these.
        glob: see there.
        encoding: see there.
        on_error: see there.
        links_outside: see there.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "sea.txt").write_text("It is calm.")
        ...     for document in iter_documents(folder):
        ...         print(document.page_content)
        It is calm.
    """
    root = _root(path)
    given: Any = glob
    patterns: list[str] = [given] if isinstance(given, str) else [*_several(given)]
    if not patterns or not all(isinstance(cast("object", each), str) for each in patterns):
        raise ConfigError(f"glob={glob!r}: expected a pattern such as '*.md', or a list of them")
    report = _reporter(on_error)
    check_encoding(encoding)
    if not root.exists():
        is_pattern = any(sign in str(root) for sign in "*?[")
        hint = " A pattern goes into glob=." if is_pattern else ""
        raise DocumentLoadError(f"There is no file or folder {str(root)!r}.{hint}", path=str(root))
    return _documents(root, patterns, encoding, report, links_outside)


def _root(path: Any) -> Path:
    """Return the path; an empty one would be the current folder.

    Raises:
        ConfigError: it is none.
    """
    if path == "" or not _is_path(path):
        raise ConfigError(f"path={path!r}: expected the path of one folder, or of one file")
    return Path(path)


def _is_path(path: Any) -> bool:
    return isinstance(path, (str, PathLike))


def _several(patterns: Any) -> Iterator[Any]:
    return iter(patterns) if hasattr(patterns, "__iter__") else iter(())


def _documents(
    root: Path,
    patterns: list[str],
    encoding: str | None,
    report: Callable[[DocumentLoadError], Any],
    links_outside: bool,
) -> Iterator[Document]:
    def unreadable(path: Path, error: OSError) -> None:
        report(_load_error(path, _reason(error), error))

    files: Iterable[Path] = [root]
    if root.is_dir():
        files = files_below(root, matcher(patterns), unreadable, links_outside=links_outside)
    for path in files:
        try:
            document = _read(path, encoding)
        except DocumentLoadError as error:
            report(error)
            continue
        if document.page_content.strip():
            yield document


def _read(path: Path, encoding: str | None) -> Document:
    """Return the document of one file.

    Raises:
        DocumentLoadError: it cannot be read as text.
    """
    suffix = path.suffix.lower()
    try:
        source = path.as_posix()
        source.encode()
    except UnicodeEncodeError as error:  # the system's names are bytes, which no store takes
        raise _load_error(
            path, "its name is not UTF-8, so it cannot be its source", error
        ) from None
    try:
        text = decoded(path.read_bytes(), encoding, is_html=suffix in _HTML)
    except OSError as error:
        raise _load_error(path, _reason(error), error) from error
    except ValueError as error:
        raise _load_error(path, str(error), error) from error
    title = ""
    if suffix in _HTML:
        text, title = read_html(text)
    elif suffix in _MARKDOWN:
        title = _first_heading(text)
    known = {"title": title} if title else {}
    return Document(text, metadata={"source": source, **known})


def _first_heading(text: str) -> str:
    """Return the first heading of the first level in Markdown; "" where there is none."""
    fence = ""
    for line in text.splitlines():
        if found := _FENCE.match(line):
            fence = "" if fence == found[1] else fence or found[1]
        elif not fence and (heading := _FIRST_HEADING.match(line)):
            return heading[1]
    return ""


def _reporter(on_error: Any) -> Callable[[DocumentLoadError], Any]:
    """Return the function that receives errors.

    Raises:
        ConfigError: it is no known way.
    """
    if callable(on_error):
        return cast("Callable[[DocumentLoadError], Any]", on_error)
    if on_error not in ("raise", "skip"):
        raise ConfigError(f"on_error={on_error!r}: expected 'raise', 'skip', or a function")
    return _raise if on_error == "raise" else _skip


def _raise(error: DocumentLoadError) -> None:
    raise error


def _skip(error: DocumentLoadError) -> None:
    pass


def _reason(error: OSError) -> str:
    return error.strerror.lower() if error.strerror else str(error)


def _load_error(path: Path, reason: str, cause: Exception) -> DocumentLoadError:
    way_out = "Pass "
    if isinstance(cause, LinkOutside):
        way_out = "That is outside of the folder: pass links_outside=True to follow such links, "
    elif isinstance(cause, ValueError):
        way_out = "Pass encoding= if it has another encoding, "
    error = DocumentLoadError(
        f"{str(path)!r} cannot be loaded: {reason}. {way_out}on_error='skip' to go on without such "
        "files, or a glob that leaves it out.",
        path=str(path),
    )
    error.__cause__ = cause
    return error
