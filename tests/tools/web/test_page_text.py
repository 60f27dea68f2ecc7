"""HTML made readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.tools.web.page_text import page_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>Title</h1><p>One\n  two.</p><p>Three</p>", "# Title\n\nOne two.\n\nThree"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("a<br>b", "a\nb"),
        ("<p>a <b>bold</b> <a href='x'>link</a>", "a bold link"),
        ("<pre>  x\n   y</pre>", "  x\n   y".strip()),
        ("<script>var x = '<p>no</p>'</script>yes<style>p {}</style>", "yes"),
        ("<svg><svg>no</svg>no</svg>yes", "yes"),
        ("&lt;b&gt; &amp; &#228;", "<b> & ä"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "| a | b\n | c"),
        ("<title>T</title>text", "T\ntext"),
        ("a<!-- <p>no</p> > -->b<!-->c<!---->d", "abcd"),
        ("<!doctype html><?xml x?>a<![CDATA[b", "a<![CDATA[b"),
        ("<a title='x > y'>a</a><a title=it's>b</a>", "ab"),
        ("1 < 2, <3, a<b", "1 < 2, <3, a<b"),
        ("<script src='x'>no</script><SCRIPT>no</script >a", "a"),
        ("", ""),
    ],
)
def test_pages(html: str, text: str) -> None:
    assert page_text(html) == text


@pytest.mark.parametrize(
    "piece", ["<a ", "<a", "<a b='", "<a b=", "<!--", "<![", "</", "<?", "</a ", "<script>"]
)
def test_markup_without_an_end_takes_no_time(piece: str) -> None:
    # For ever, where each is looked at to the end of the page.
    assert len(page_text(piece * 300_000)) in (0, len((piece * 300_000).strip()))


@given(st.lists(st.sampled_from(["<p>", "</p>", "<script>", "<", "<!--", "&#", "a", "<svg/", ">"])))
def test_any_html_has_some_text(pieces: list[str]) -> None:
    assert isinstance(page_text("".join(pieces)), str)
