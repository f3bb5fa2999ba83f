"""Frames that several readers read while they come, and what is dropped of them."""

from __future__ import annotations

import asyncio

from hypothesis import given, strategies as st

from runnables.serving.frame_buffer import FRAME_COST, FrameBuffer, Position


async def read(frames: FrameBuffer, position: Position, pause: int) -> list[bytes]:
    """Return the frames from a position on, with so many turns of the loop after each."""
    found: list[bytes] = []
    while await frames.wait(position):
        unread = frames.unread(position)
        found += unread
        for _ in range(pause):
            await asyncio.sleep(0)
        frames.move(position, len(unread))
    frames.leave(position)
    return found


@given(
    st.lists(st.lists(st.integers(0, 300), max_size=4), max_size=15),
    st.lists(st.integers(0, 5), max_size=3),
    st.integers(50, 1500),
)
def test_every_reader_gets_all_frames_and_the_memory_is_bounded(
    batches: list[list[int]], pauses: list[int], max_bytes: int
) -> None:
    """Readers of any speed hold the producer back, and none of them loses a frame."""

    async def run() -> None:
        frames = FrameBuffer(max_bytes)
        positions = [Position(0) for _ in pauses]
        for position in positions:
            frames.enter(position)
        readers = [
            asyncio.create_task(read(frames, position, pause))
            for position, pause in zip(positions, pauses, strict=True)
        ]
        sent: list[bytes] = []
        for number, batch in enumerate(batches):
            made = [bytes([number]) * size for size in batch]
            sent += made
            await frames.put(made)
            assert frames.size <= max_bytes
        frames.finish()
        for reader in readers:
            assert await reader == sent
        assert frames.end == len(sent)
        late = Position(frames.first)
        frames.enter(late)
        assert await read(frames, late, 0) == sent[frames.first :]
        assert frames.size == sum(len(frame) + FRAME_COST for frame in sent[frames.first :])

    asyncio.run(run())


async def test_a_producer_waits_for_a_slow_reader_until_it_leaves() -> None:
    """What it has not read stays; without it, the oldest goes."""
    frames, slow = FrameBuffer(100), Position(0)
    frames.enter(slow)
    putting = asyncio.create_task(frames.put([b"x" * 50, b"y" * 50]))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not putting.done()
    assert frames.unread(slow) == [b"x" * 50, b"y" * 50]
    frames.leave(slow)
    await putting
    assert (frames.first, frames.last()) == (1, b"y" * 50)


async def test_a_frame_that_never_fits_passes_through() -> None:
    """A reader gets it, and nothing is kept of it."""
    frames, position = FrameBuffer(100), Position(0)
    frames.enter(position)
    reader = asyncio.create_task(read(frames, position, 0))
    await frames.put([b"x" * 500])
    frames.finish()
    assert await reader == [b"x" * 500]
    assert (frames.size, frames.last()) == (0, None)
