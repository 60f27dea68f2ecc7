"""The reader thread and the blocking write, over real pipes."""

import gc
import os
import threading
import warnings
from collections.abc import Iterator

import anyio
import anyio.to_thread
import pytest

from acp_agent.errors import AgentError
from acp_agent.rpc.stdio import Line, LineReader, writer_to

LIMIT = 20.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe: the one to read and the one to write."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            continue


async def read_all(reader: LineReader) -> list[Line]:
    with anyio.fail_after(LIMIT):
        return [line async for batch in reader.batches() for line in batch]


@pytest.mark.anyio
async def test_lines_arrive_until_the_other_side_closes(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    os.write(write_end, b"one\n\ntwo\nlast without line feed")
    os.close(write_end)
    assert await read_all(LineReader(read_end)) == [b"one", b"two", b"last without line feed"]


@pytest.mark.anyio
async def test_lines_of_one_write_arrive_together(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    os.write(write_end, b"one\ntwo\n")
    batches = LineReader(read_end).batches()
    with anyio.fail_after(LIMIT):
        assert await anext(batches) == [b"one", b"two"]
        os.close(write_end)
        with pytest.raises(StopAsyncIteration):
            await anext(batches)


@pytest.mark.anyio
async def test_a_descriptor_that_cannot_be_read_is_an_end() -> None:
    folder = os.open("/", os.O_RDONLY)
    try:
        assert await read_all(LineReader(folder)) == []
    finally:
        os.close(folder)


@pytest.mark.anyio
async def test_a_descriptor_handed_over_non_blocking_is_no_end(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    os.set_blocking(read_end, False)
    batches = LineReader(read_end).batches()
    with anyio.fail_after(LIMIT):
        for line in (b"one", b"two"):
            os.write(write_end, line + b"\n")
            assert await anext(batches) == [line]
        os.close(write_end)
        with pytest.raises(StopAsyncIteration):
            await anext(batches)


@pytest.mark.anyio
async def test_a_line_of_many_reads_is_one_line(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    line = b"x" * 3_000_000

    def write() -> None:
        writer_to(write_end)(line + b"\nnext\n")
        os.close(write_end)

    thread = threading.Thread(target=write)
    thread.start()
    assert await read_all(LineReader(read_end)) == [line, b"next"]
    thread.join(LIMIT)


@pytest.mark.anyio
async def test_nothing_is_read_ahead_of_a_busy_consumer(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    count = 200_000
    written = threading.Event()

    def write() -> None:
        writer_to(write_end)(b"a line of text\n" * count)
        written.set()
        os.close(write_end)

    threading.Thread(target=write, daemon=True).start()
    got: list[Line | AgentError] = []
    with anyio.fail_after(LIMIT):
        async for batch in LineReader(read_end).batches():
            got += batch
            # 3 MB are far more than the pipe, one chunk and one batch can hold.
            if len(got) < count // 2:
                assert not written.is_set()
    assert len(got) == count


@pytest.mark.anyio
async def test_a_consumer_that_leaves_leaves_no_stream_open(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    before = set(threading.enumerate())
    reader = LineReader(read_end)
    (thread,) = set(threading.enumerate()) - before
    batches = reader.batches()
    with anyio.fail_after(LIMIT):
        os.write(write_end, b"one\n")
        assert await anext(batches) == [b"one"]
        await batches.aclose()
        os.write(write_end, b"two\n")
        await anyio.to_thread.run_sync(thread.join)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del reader, batches, thread
        gc.collect()
    assert [str(warning.message) for warning in told] == []


def test_all_bytes_are_written_where_the_pipe_is_small(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    os.set_blocking(write_end, False)
    data = os.urandom(1_000_000)

    def write() -> None:
        writer_to(write_end)(data)
        os.close(write_end)

    thread = threading.Thread(target=write)
    thread.start()
    with open(read_end, "rb", closefd=False) as stream:
        assert stream.read() == data
    thread.join(LIMIT)


def test_writing_to_nobody_is_an_error(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    os.close(read_end)
    with pytest.raises(OSError, match="Broken pipe"):
        writer_to(write_end)(b"text")
