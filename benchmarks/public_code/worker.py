"""The process that runs one file cell by cell, and says of each cell what became of it.

It runs under the Python of the original too, so it imports nothing but the standard library. It
reads a job as JSON from standard input, and writes a line of JSON for each cell to the descriptor
that the job names. What the code under test may do is narrow: it reaches loopback only, starts no
process, and writes only below the current folder.
"""

import ast
import asyncio
import builtins
import contextlib
import getpass
import inspect
import io
import json
import os
import signal
import sys
import traceback
import types
from collections.abc import Callable, Sequence
from typing import Any

LONGEST = 20_000  # characters of what a cell prints that are kept
TYPED = "Tell me about bears."
TYPED_LATER = "exit"  # ends the loop of a chat that reads until a word for the end
LINES_TYPED = 12

_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"}
_CHANGES = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class CellTimeout(BaseException):
    """The end of a cell that took too long: no `except Exception` of the code stops it."""


class Blocked(OSError):
    """What the code under test may not do."""


def _is_loopback(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host)
    return name in {"localhost", "::1", "0.0.0.0", ""} or name.startswith("127.")


def confine(folder: str) -> None:
    """Refuse other hosts, processes, and writing outside of a folder, from now on."""
    inside = (os.path.realpath(folder) + os.sep, "/dev/")

    def may_write(path: object) -> bool:
        if not isinstance(path, (str, bytes)):
            return True  # a descriptor that is open
        name = os.path.realpath(os.fsdecode(path))
        return f"{name}{os.sep}".startswith(inside)

    def check(event: str, args: Sequence[Any]) -> None:
        if (
            event == "socket.connect"
            and isinstance(args[1], tuple)
            and not _is_loopback(args[1][0])
        ):
            raise Blocked("The network is cut off.")
        if event in {"socket.getaddrinfo", "socket.gethostbyname"} and not _is_loopback(
            args[0] or ""
        ):
            raise Blocked("The network is cut off.")
        if event in _STARTS:
            raise Blocked("Processes are not started here.")
        if event in _CHANGES and not may_write(args[0]):
            raise Blocked("Nothing is changed outside of the folder.")
        if event == "open" and isinstance(args[2], int) and args[2] & _WRITES:
            if not may_write(args[0]):
                raise Blocked("Nothing is written outside of the folder.")

    sys.addaudithook(check)


class Refuse:
    """A finder that refuses packages, so that code with rewritten imports gets none of the peer."""

    def __init__(self, packages: Sequence[str]) -> None:
        """Keep the names of the packages, or their beginnings."""
        self.packages = tuple(packages)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse a module of these packages."""
        if self.packages and name.split(".")[0].startswith(self.packages):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class Shell:
    """What `get_ipython()` returns: all its methods take anything and do nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return a function that does nothing."""
        return lambda *args, **kwargs: None


def _display(*values: object, **kwargs: object) -> None:
    for value in values:
        print(repr(value))


def stand_in(url: str) -> None:
    """Give the code what a notebook has, and what needs no person and no download."""
    lines = 0

    def typed(prompt: object = "") -> str:
        nonlocal lines
        lines += 1
        if lines > LINES_TYPED:
            raise EOFError("Nothing more is typed.")
        return TYPED if lines == 1 else TYPED_LATER

    space: Any = builtins
    space.input = typed
    space.get_ipython = Shell
    space.display = _display
    getpass.getpass = lambda *args, **kwargs: "a-key"
    with contextlib.suppress(ImportError):
        import tiktoken

        def bytewise(name: str) -> Any:
            """Return an encoding of single bytes, in the place of one that is downloaded."""
            ranks = {bytes([byte]): byte for byte in range(256)}
            return tiktoken.Encoding(
                name, pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={}
            )

        tiktoken.get_encoding = bytewise
        tiktoken.encoding_for_model = bytewise


def _compiled(source: str, name: str) -> Any:
    """Compile a cell; the value of its last line, if any, is shown as a notebook shows it."""
    tree = ast.parse(source, name)
    if tree.body and isinstance(last := tree.body[-1], ast.Expr):
        if not source.rstrip().endswith(";"):
            shown = ast.Call(ast.Name("__show", ast.Load()), [last.value], [])
            tree.body[-1] = ast.fix_missing_locations(ast.copy_location(ast.Expr(shown), last))
    return compile(tree, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def _show(value: object) -> None:
    if value is not None:
        print(repr(value))


def _limit(signum: int, frame: object) -> None:
    raise CellTimeout


def _run(source: str, name: str, space: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
    code = _compiled(source, name)
    if code.co_flags & inspect.CO_COROUTINE:
        loop.run_until_complete(types.FunctionType(code, space)())
    else:
        exec(code, space)


def _error(error: BaseException) -> str:
    if isinstance(error, CellTimeout):
        return "Timeout: the cell took too long"
    return "".join(traceback.format_exception_only(error)).strip()


def run(job: dict[str, Any]) -> None:
    """Run the cells of a job in order, whatever becomes of each."""
    out = os.fdopen(job["descriptor"], "w")
    sys.meta_path.insert(0, Refuse(job["refused"]))
    sys.argv = [job["name"]]
    sys.path.insert(0, os.getcwd())
    stand_in(job["url"])
    confine(os.getcwd())
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    main.__dict__.update(__show=_show, __file__=os.path.join(os.getcwd(), "file.py"))
    signal.signal(signal.SIGALRM, _limit)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    for index, source in enumerate(job["cells"]):
        printed = io.StringIO()
        error = where = None
        out.write(json.dumps({"begins": index}) + "\n")
        out.flush()
        signal.alarm(job["seconds"])
        try:
            with contextlib.redirect_stdout(printed):
                _run(source, f"<cell {index}>", main.__dict__, loop)
        except BaseException as caught:  # also SystemExit and the limit
            if not (isinstance(caught, SystemExit) and caught.code in {None, 0}):
                error = _error(caught)
                where = "".join(traceback.format_exception(caught))[-4000:]
        finally:
            signal.alarm(0)
        with contextlib.suppress(ValueError):  # closed by the code
            text = printed.getvalue()[:LONGEST]
        record = {"cell": index, "error": error, "printed": text, "where": where}
        out.write(json.dumps(record) + "\n")
        out.flush()
    os._exit(0)  # threads of the code do not hold the process


if __name__ == "__main__":
    run(json.loads(sys.stdin.read()))
