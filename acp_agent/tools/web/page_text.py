"""The readable text of a web page; pure.

Owns turning HTML into lines. Does not own fetching it (``fetch_url``).
"""

import re
from html.parser import HTMLParser

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object"})
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset"}
    | {"figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
    | {"hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "title", "tr", "ul"}
)
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(
    r"""<(/?[a-z][^\s/<>"']*+)(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>"""
    r"""|<(/?[a-z][^\s/<>"']*+)[^<>]*+>|<[!?][^<>]*+>|<""",
    re.IGNORECASE,
)
_GAPS = re.compile(r"\n{3,}")


def page_text(html: str) -> str:
    """The text of ``html``: a line each block, headings and list items marked as in Markdown."""
    reader = _Reader()
    reader.feed(_MARKUP.sub(_bare, _without_comments(html)))
    reader.close()
    return reader.text()


# The parser takes quadratic time for markup that does not end, and holds the interpreter
# meanwhile, so it gets tags that end, without attributes, and nothing else.


def _without_comments(html: str) -> str:
    kept: list[str] = []
    at = 0
    while (start := html.find("<!--", at)) >= 0 and (end := html.find("-->", start + 2)) >= 0:
        kept.append(html[at:start])
        at = end + 3
    return "".join([*kept, html[at:]])


def _bare(found: re.Match[str]) -> str:
    name = found[1] or found[2]
    if not name:
        return "&lt;" if found[0] == "<" else ""
    return f"<{name}{'/' if found[0].endswith('/>') else ''}>"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._skipping = ""
        self._depth = 0
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping:
            self._depth += tag == self._skipping
            return
        if tag in _SKIPPED:
            self._skipping, self._depth = tag, 1
            return
        if tag in _BLOCKS:
            self._parts.append("\n")
        self._parts.append(_HEADINGS.get(tag, "- " if tag == "li" else ""))
        self._preformatted += tag == "pre"
        if tag in ("td", "th"):
            self._parts.append(" | ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SKIPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._depth -= tag == self._skipping
            if not self._depth:
                self._skipping = ""
            return
        if tag == "pre" and self._preformatted:
            self._preformatted -= 1
        if tag in _BLOCKS and tag != "br":
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._parts.append(data if self._preformatted else _SPACE.sub(" ", data))

    def text(self) -> str:
        lines = [line.rstrip() for line in "".join(self._parts).split("\n")]
        return _GAPS.sub("\n\n", "\n".join(lines)).strip()
