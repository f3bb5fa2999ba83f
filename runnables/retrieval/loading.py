"""Documents from files: text, Markdown and HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from runnables.errors import ConfigError, RunnablesError
from runnables.retrieval.decoding import check_encoding, decoded
from runnables.retrieval.documents import Document
from runnables.retrieval.files import files_below, matcher
from runnables.retrieval.html_text import read_html

if TYPE_CHECKING:
    from os import PathLike


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
) -> list[Document]:
    """Return the contents of a folder, or of one file, as documents.

    Read are text, Markdown and HTML, of which headings and lists become Markdown's, and scripts and
    styles are left out. Any other file that the `glob` names is read as text. The metadata of a
    document has its `source`, the path as it was passed and the path within the folder, with
    slashes; and its `title`, if an HTML page has one, or a first heading.

    Files come sorted by path. Hidden files and folders are left out, links are followed, and a
    folder that several links lead to is read once. A file without visible text gives no document.

    Args:
        path: a folder, which is searched with all folders below it, or a file, whatever its name.
        glob: the patterns of the files: "*.md" for all of a kind, "guides/**/*.md" for those below
            one folder. By default text, Markdown and HTML.
        encoding: the encoding of all files. None finds it out for each: by its byte order mark, by
            what an HTML page declares, else it is UTF-8.
        on_error: what happens to a file, or a folder, that cannot be read: its error is raised
            ("raise"), nothing ("skip"), or it is passed to a function.

    Raises:
        DocumentLoadError: there is no such path; or, with "raise", a file that cannot be read, is
            of another encoding, or is binary. The error names the file.
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
    return list(iter_documents(path, glob, encoding=encoding, on_error=on_error))


def iter_documents(
    path: str | PathLike[str],
    glob: str | Sequence[str] = DEFAULT_GLOB,
    *,
    encoding: str | None = None,
    on_error: OnError = "raise",
) -> Iterator[Document]:
    """Do what `load_documents` does, one file at a time, for folders that do not fit into memory.

    Mistakes in the arguments are errors at once. A file is read when its document is asked for, and
    is closed before the document is returned.

    Args:
        path: see `load_documents`, as for all of these.
        glob: see there.
        encoding: see there.
        on_error: see there.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "sea.txt").write_text("It is calm.")
        ...     for document in iter_documents(folder):
        ...         print(document.page_content)
        It is calm.
    """
    root = Path(path)
    given: Any = glob
    patterns: list[str] = [given] if isinstance(given, str) else [*_several(given)]
    if not patterns or not all(isinstance(cast("object", each), str) for each in patterns):
        raise ConfigError(f"glob={glob!r}: expected a pattern such as '*.md', or a list of them")
    report = _reporter(on_error)
    check_encoding(encoding)
    if not root.exists():
        raise DocumentLoadError(f"There is no file or folder {str(root)!r}.", path=str(root))
    return _documents(root, patterns, encoding, report)


def _several(patterns: Any) -> Iterator[Any]:
    return iter(patterns) if hasattr(patterns, "__iter__") else iter(())


def _documents(
    root: Path,
    patterns: list[str],
    encoding: str | None,
    report: Callable[[DocumentLoadError], Any],
) -> Iterator[Document]:
    def unreadable(path: Path, error: OSError) -> None:
        report(_load_error(path, _reason(error), error))

    files = [root] if not root.is_dir() else files_below(root, matcher(patterns), unreadable)
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
    return (error.strerror or str(error)).lower()


def _load_error(path: Path, reason: str, cause: Exception) -> DocumentLoadError:
    error = DocumentLoadError(
        f"{str(path)!r} cannot be loaded: {reason}. Pass encoding= if it has another encoding, "
        "on_error='skip' to go on without such files, or a glob that leaves it out.",
        path=str(path),
    )
    error.__cause__ = cause
    return error
