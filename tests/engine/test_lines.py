"""Lines out of bytes, in every cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.engine.lines import LineBuffer, LineTooLong


def lines_of(pieces: list[bytes], limit: int = 1 << 20) -> tuple[list[bytes], bytes]:
    buffer, lines = LineBuffer(limit), list[bytes]()
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.pop()) is not None:
            lines.append(line)
    return lines, buffer.rest()


@given(st.lists(st.text(alphabet="aé🙂 \r{}", max_size=8), max_size=8), st.data())
def test_lines_are_the_same_however_the_bytes_arrive(texts: list[str], data: st.DataObject) -> None:
    whole = b"".join(text.encode() + b"\n" for text in texts) + "rést".encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    bounds = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(bounds)]
    expected = [text.encode().removesuffix(b"\r") for text in texts]
    assert lines_of(pieces) == (expected, "rést".encode())


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6] * 2, [b"ok\n" + b"x" * 11 + b"\n"]])
def test_line_over_the_limit_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(LineTooLong):
        lines_of(pieces, limit=10)


def test_line_at_the_limit_is_read() -> None:
    assert lines_of([b"x" * 10, b"\n", b"y" * 10 + b"\n"], limit=10) == (
        [b"x" * 10, b"y" * 10],
        b"",
    )
