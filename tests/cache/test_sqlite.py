"""What is kept in a file: for threads and processes at once, after a death, and as text only."""

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

from runnables import BaseCache, ConfigError, InMemoryCache, RunnableLambda, SQLiteCache
from tests.both_modes import Call

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Makes a cache with these settings."""
    if request.param == "memory":
        return InMemoryCache
    return lambda **settings: SQLiteCache(tmp_path / "kept.db", **settings)


def get(call: Call, cache: BaseCache, key: str) -> str | None:
    return call.run(lambda: cache.get(key), lambda: cache.aget(key))


def put(call: Call, cache: BaseCache, key: str, text: str) -> None:
    call.run(lambda: cache.set(key, text), lambda: cache.aset(key, text))


def test_what_was_kept_is_there(make: Any, call: Call) -> None:
    """The last text of a key; nothing for another; nothing after it was cleared."""
    cache = make()
    assert get(call, cache, "a") is None
    put(call, cache, "a", "1")
    put(call, cache, "a", "é\0'; DROP TABLE kept;")
    assert get(call, cache, "a") == "é\0'; DROP TABLE kept;"
    assert get(call, cache, "b") is None
    cache.clear()
    assert get(call, cache, "a") is None


def test_what_is_old_is_forgotten(make: Any, call: Call) -> None:
    """After `ttl` seconds, by the clock."""
    cache = make(ttl=0.5)
    put(call, cache, "a", "1")
    assert get(call, cache, "a") == "1"
    time.sleep(0.51)
    assert get(call, cache, "a") is None
    put(call, cache, "b", "2")


def test_memory_keeps_what_was_used_last(call: Call) -> None:
    """At most `maxsize` texts."""
    cache = InMemoryCache(maxsize=2)
    for key in "ab":
        put(call, cache, key, key)
    get(call, cache, "a")
    put(call, cache, "c", "c")
    assert [get(call, cache, key) for key in "abc"] == ["a", None, "c"]
    assert len(cache) == 2


def test_a_cache_is_configuration(make: Any, tmp_path: Path) -> None:
    """It prints, compares and pickles; a file is there for the copy, memory is not."""
    cache = make(ttl=60)
    cache.set("a", "1")
    copied = pickle.loads(pickle.dumps(cache))
    assert copied == cache
    assert "ttl=60" in repr(cache)
    assert copied.get("a") == ("1" if isinstance(cache, SQLiteCache) else None)


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": "1"}, {"ttl": -1}, {"ttl": True}])
def test_a_wrong_setting_is_refused(make: Any, wrong: Any) -> None:
    """With its name."""
    with pytest.raises(ConfigError, match="ttl"):
        make(**wrong)


def test_threads_use_one_cache_at_once(make: Any) -> None:
    """Each finds what it has kept, whoever writes meanwhile."""
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


def test_what_was_kept_survives_a_kill(tmp_path: Path) -> None:
    """Every text whose `set` had returned is there, whole, after signal 9 in the midst of it."""
    path = tmp_path / "kept.db"
    with writer(path, "a") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 200:
                process.send_signal(signal.SIGKILL)
                break
        said = [int(line), *map(int, filter(str.strip, process.stdout))]
    cache = SQLiteCache(path)
    for number in range(said[-1] + 1):
        assert cache.get(f"a{number}") == str(number) * 50
    cache.set("after", "1")
    assert cache.get("after") == "1"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_processes_use_one_file_at_once(tmp_path: Path) -> None:
    """Four of them make it and write to it at the same time; nobody fails, nothing is lost."""
    path = tmp_path / "kept.db"
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
    """After a fork as well; both see what the other has kept."""
    cache = SQLiteCache(tmp_path / "kept.db")
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
    """With all of Python's clean-up, while the parent goes on writing."""
    cache = SQLiteCache(tmp_path / "kept.db")
    cache.set("a", "1")
    code = f"""
import os
from runnables import SQLiteCache
cache = SQLiteCache({str(tmp_path / "kept.db")!r})
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
    """None is left open when it is gone, or closed; it can be used after that."""
    path = tmp_path / "kept.db"

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
    """The error says which file; nothing is left open."""
    path = tmp_path / "text.db"
    path.write_text("This is no database, but a text that is long enough to be read as one." * 50)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        call.invoke(RunnableLambda(str).with_cache(SQLiteCache(path)), 1)
    assert any("text.db" in note for note in caught.value.__notes__)


def test_a_place_where_no_file_can_be_is_named(tmp_path: Path, call: Call) -> None:
    """The error says which file was to be opened."""
    cache = SQLiteCache(tmp_path / "nowhere" / "kept.db")
    with pytest.raises(sqlite3.OperationalError) as caught:
        call.invoke(RunnableLambda(str).with_cache(cache), 1)
    assert any("nowhere" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    "damage", ["CAST(x'7BFF' AS TEXT)", "x'7BFF'", f"'{{\"json\": {'[' * 100_000}'"]
)
def test_a_damaged_row_is_not_there(tmp_path: Path, call: Call, damage: str) -> None:
    """Bytes that are no text, and brackets without end: it is asked again."""
    cache = SQLiteCache(tmp_path / "kept.db")
    kept = RunnableLambda(str).with_cache(cache, key="str")
    call.invoke(kept, 1)
    with sqlite3.connect(cache.path) as connection:
        connection.execute(f"UPDATE kept SET text = {damage}")
    connection.close()
    assert call.invoke(kept, 1) == "1"


def test_what_others_wrote_into_the_file_runs_nothing(tmp_path: Path, call: Call) -> None:
    """Texts that are not of the form are not there; a pickle is a text that is not of the form."""
    cache = SQLiteCache(tmp_path / "kept.db")
    asked: list[int] = []

    def f(x: int) -> int:
        asked.append(x)
        return x

    kept = RunnableLambda(f).with_cache(cache, key="f")
    evil = [
        *("", "{", "[]", "null", '{"json": {"what": 1}}', '{"typed": "1", "json": 2}'),
        *(
            '{"typed": 5}',
            '{"typed": "\\"x\\""}',
            '{"pickle": "gASV"}',
            '{"json": {"message": {}}}',
        ),
        '{"json": {"message": {"type": "os.system", "data": {}}}}',
    ]
    call.invoke(kept, 1)
    with sqlite3.connect(cache.path) as connection:
        for text in evil:
            connection.execute("UPDATE kept SET text = ?", (text,))
            connection.commit()
            asked.clear()
            assert call.invoke(kept, 1) == 1
            assert asked == [1]
    connection.close()
