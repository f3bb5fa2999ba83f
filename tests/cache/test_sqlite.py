"""The stores: shared by threads and processes, intact after a kill, and nothing in them is run."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    BaseCache,
    ConfigError,
    Document,
    InMemoryCache,
    RunnableLambda,
    SQLiteCache,
)
from runnables.cache.values import Codec
from tests.both_modes import Call

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a function that makes a cache with these settings."""
    if request.param == "memory":
        return InMemoryCache
    return lambda **settings: SQLiteCache(tmp_path / "cache.db", **settings)


def get(call: Call, cache: BaseCache, key: str) -> str | None:
    return call.run(lambda: cache.get(key), lambda: cache.aget(key))


def put(call: Call, cache: BaseCache, key: str, text: str) -> None:
    call.run(lambda: cache.set(key, text), lambda: cache.aset(key, text))


def test_a_stored_string_is_found(make: Any, call: Call) -> None:
    """The last string of a key is found, nothing for another key, and nothing after `clear`."""
    cache = make()
    assert get(call, cache, "a") is None
    put(call, cache, "a", "1")
    put(call, cache, "a", "é\0'; DROP TABLE entries;")
    assert get(call, cache, "a") == "é\0'; DROP TABLE entries;"
    assert get(call, cache, "b") is None
    cache.clear()
    assert get(call, cache, "a") is None


def test_entries_expire(make: Any, call: Call) -> None:
    """An entry is gone `ttl` seconds after it was stored."""
    cache = make(ttl=0.5)
    put(call, cache, "a", "1")
    assert get(call, cache, "a") == "1"
    time.sleep(0.51)
    assert get(call, cache, "a") is None
    put(call, cache, "b", "2")


def test_a_full_cache_in_memory_drops_the_least_recently_used_entry(call: Call) -> None:
    """It holds `maxsize` entries at most."""
    cache = InMemoryCache(maxsize=2)
    for key in "ab":
        put(call, cache, key, key)
    get(call, cache, "a")
    put(call, cache, "c", "c")
    assert [get(call, cache, key) for key in "abc"] == ["a", None, "c"]
    assert len(cache) == 2


def test_a_cache_is_configuration(make: Any, tmp_path: Path) -> None:
    """It prints, compares and pickles; a copy shares the file, but not the memory."""
    cache = make(ttl=60)
    cache.set("a", "1")
    copied = pickle.loads(pickle.dumps(cache))
    assert copied == cache
    assert "ttl=60" in repr(cache)
    assert copied.get("a") == ("1" if isinstance(cache, SQLiteCache) else None)


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": "1"}, {"ttl": -1}, {"ttl": True}])
def test_a_wrong_setting_is_refused(make: Any, wrong: Any) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match="ttl"):
        make(**wrong)


def test_threads_use_one_cache_at_once(make: Any) -> None:
    """Each thread finds what it has stored, while others write."""
    cache, wrong = make(), []

    def work(name: str) -> None:
        for number in range(50):
            cache.set(f"{name}{number}", str(number))
            cache.set("shared", "same")
            if cache.get(f"{name}{number}") != str(number) or cache.get("shared") != "same":
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# -- files


WRITER = """
import sys
from runnables import SQLiteCache
cache = SQLiteCache(sys.argv[1])
for number in range(100_000):
    cache.set(f"{sys.argv[2]}{number}", str(number) * 50)
    print(number, flush=True)
"""


def writer(path: Path, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_entries_survive_a_kill(tmp_path: Path) -> None:
    """Each entry whose `set` had returned is intact after a SIGKILL in the midst of writing."""
    path = tmp_path / "cache.db"
    with writer(path, "a") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 200:
                process.send_signal(signal.SIGKILL)
                break
        written = [int(line), *map(int, filter(str.strip, process.stdout))]
    cache = SQLiteCache(path)
    for number in range(written[-1] + 1):
        assert cache.get(f"a{number}") == str(number) * 50
    cache.set("after", "1")
    assert cache.get("after") == "1"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_processes_use_one_file_at_once(tmp_path: Path) -> None:
    """Four processes create it and write to it at the same time; none fails, nothing is lost."""
    path = tmp_path / "cache.db"
    processes = [writer(path, name) for name in "abcd"]
    for process in processes:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 100:
            pass
        process.kill()
        process.communicate()
    cache = SQLiteCache(path)
    for name in "abcd":
        assert all(cache.get(f"{name}{number}") is not None for number in range(100))


def _in_child(cache: SQLiteCache, done: Any) -> None:
    cache.set("child", "2")
    done.put(cache.get("parent"))


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_child_has_connections_of_its_own(tmp_path: Path, way: str) -> None:
    """Both processes see what the other has stored, also after a fork."""
    cache = SQLiteCache(tmp_path / "cache.db")
    cache.set("parent", "1")
    context = multiprocessing.get_context(way)
    done = context.Queue()
    child = context.Process(target=_in_child, args=(cache, done))
    child.start()
    assert done.get(timeout=30) == "1"
    child.join()
    assert child.exitcode == 0
    assert cache.get("child") == "2"
    done.close()
    done.join_thread()


def test_a_child_that_exits_leaves_the_file_to_its_parent(tmp_path: Path) -> None:
    """A child that exits with all of Python's clean-up does not disturb its parent's writes."""
    cache = SQLiteCache(tmp_path / "cache.db")
    cache.set("a", "1")
    code = f"""
import os
from runnables import SQLiteCache
cache = SQLiteCache({str(tmp_path / "cache.db")!r})
cache.set("b", "2")
if child := os.fork():
    cache.set("c", "3")
    os.waitpid(child, 0)
    cache.set("d", "4")
else:
    cache.get("b")
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert [cache.get(key) for key in "abcd"] == ["1", "2", "3", "4"]


def test_connections_are_closed_with_the_cache(tmp_path: Path) -> None:
    """None is open after `close`, or when the cache is gone; a closed cache can be used again."""
    path = tmp_path / "cache.db"

    def opened() -> int:
        links = Path("/proc/self/fd").iterdir()
        return sum(str(path) in os.readlink(link) for link in list(links) if link.is_symlink())

    cache = SQLiteCache(path)
    cache.set("a", "1")
    assert opened() > 0
    cache.close()
    assert opened() == 0
    assert cache.get("a") == "1"
    del cache
    assert opened() == 0


def test_a_file_that_is_no_cache_is_named(tmp_path: Path, call: Call) -> None:
    """The error names the file; no connection is left open."""
    path = tmp_path / "text.db"
    path.write_text("This is no database, but long enough to be read as one." * 50)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        call.invoke(RunnableLambda(str).with_cache(SQLiteCache(path)), 1)
    assert any("text.db" in note for note in caught.value.__notes__)


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path, call: Call) -> None:
    """The error names the file."""
    cache = SQLiteCache(tmp_path / "nowhere" / "cache.db")
    with pytest.raises(sqlite3.OperationalError) as caught:
        call.invoke(RunnableLambda(str).with_cache(cache), 1)
    assert any("nowhere" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    "damage", ["CAST(x'7BFF' AS TEXT)", "x'7BFF'", f"'{{\"json\": {'[' * 100_000}'"]
)
def test_a_damaged_entry_counts_as_missing(tmp_path: Path, call: Call, damage: str) -> None:
    """Bytes that are no UTF-8, and brackets without end: the runnable runs again."""
    cache = SQLiteCache(tmp_path / "cache.db")
    cached = RunnableLambda(str).with_cache(cache, key="str")
    call.invoke(cached, 1)
    with sqlite3.connect(cache.path) as connection:
        connection.execute(f"UPDATE entries SET text = {damage}")
    connection.close()
    assert call.invoke(cached, 1) == "1"


def test_nothing_in_the_file_is_run(tmp_path: Path, call: Call) -> None:
    """A string in another format counts as missing; a pickle is one of those."""
    cache = SQLiteCache(tmp_path / "cache.db")
    calls: list[int] = []

    def f(x: int) -> int:
        calls.append(x)
        return x

    cached = RunnableLambda(f).with_cache(cache, key="f")
    foreign = [
        *("", "{", "[]", "null", '{"json": {"what": 1}}', '{"typed": "1", "json": 2}'),
        *(
            '{"typed": 5}',
            '{"typed": "\\"x\\""}',
            '{"pickle": "gASV"}',
            '{"json": {"message": {}}}',
        ),
        '{"json": {"message": {"type": "os.system", "data": {}}}}',
    ]
    call.invoke(cached, 1)
    with sqlite3.connect(cache.path) as connection:
        for text in foreign:
            connection.execute("UPDATE entries SET text = ?", (text,))
            connection.commit()
            calls.clear()
            assert call.invoke(cached, 1) == 1
            assert calls == [1]
    connection.close()


@pytest.mark.skipif(os.name == "nt", reason="modes as POSIX has them")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_file_is_for_its_owner_alone(call: Call, tmp_path: Path, umask: int) -> None:
    """The file and the journals beside it have no other reader, whatever the process's mask is."""
    before = os.umask(umask)
    try:
        cache = SQLiteCache(tmp_path / "cache.db")
        put(call, cache, "key", "secret")
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    cache.close()
    assert "cache.db" in modes
    assert "cache.db-wal" in modes
    assert set(modes.values()) == {0o600}


@pytest.mark.skipif(os.name == "nt", reason="modes as POSIX has them")
def test_the_mode_of_an_existing_file_stays(call: Call, tmp_path: Path) -> None:
    """A cache that its owner shares with a group stays shared."""
    path = tmp_path / "cache.db"
    path.touch()
    path.chmod(0o660)
    cache = SQLiteCache(path)
    put(call, cache, "key", "text")
    cache.close()
    assert path.stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize("path", [":memory:", ""])
def test_a_cache_without_a_file_makes_none(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps these databases in memory or in a file without a name."""
    monkeypatch.chdir(tmp_path)
    cache = SQLiteCache(path)
    cache.set("key", "text")
    cache.close()
    assert list(tmp_path.iterdir()) == []


def test_documents_are_read_where_nothing_has_loaded_their_class(tmp_path: Path) -> None:
    """As in a new process: they would be a miss, and be made and paid for again."""
    path = tmp_path / "cache.db"
    cache = SQLiteCache(path)
    cache.set("a", Codec("a step", lambda: Any).write([Document("sea", id="1")]))
    cache.close()
    code = f"""
import sys
from runnables.cache.sqlite import SQLiteCache
from runnables.cache.values import Codec
assert "runnables.retrieval.documents" not in sys.modules
print(Codec("a step", lambda: object).read(SQLiteCache({str(path)!r}).get("a")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[Document(id='1', metadata={}, page_content='sea')]", done.stderr
