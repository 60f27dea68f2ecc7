"""Bytes of a text file and back, byte for byte; pure.

Owns telling text from other files, and which encoding it is in. Does not own files.
"""

import codecs
import re

from acp_agent.tools.workspace import FileText

_BOMS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SNIFFED = 8192
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROL = 0.1
_BROKEN = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


def decode(data: bytes) -> FileText | None:
    """The text in ``data``, None where it is none.

    Without a mark it is UTF-8, or else Windows-1252 or Latin-1. UTF-8 with faults is read
    with marks in their place, and is not exact.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decode_as(data[len(bom) :], encoding, has_bom=True)
    if _is_binary(data):
        return None
    try:
        return FileText(data.decode("utf-8"))
    except UnicodeDecodeError:
        return _decode_broken(data)


def encode(text: FileText) -> bytes:
    """The bytes of ``text``.

    Raises:
        UnicodeEncodeError: its encoding has no such character.
    """
    bom = next((bom for bom, name in _BOMS if name == text.encoding), b"")
    return (bom if text.has_bom else b"") + text.content.encode(text.encoding)


def _is_binary(data: bytes) -> bool:
    start = data[:_SNIFFED]
    return b"\0" in data or len(_CONTROL.findall(start)) > _MOST_CONTROL * len(start)


def _decode_as(data: bytes, encoding: str, *, has_bom: bool) -> FileText:
    try:
        return FileText(data.decode(encoding), encoding, has_bom)
    except UnicodeDecodeError:
        return FileText(data.decode(encoding, "replace"), encoding, has_bom, is_exact=False)


def _decode_broken(data: bytes) -> FileText:
    escaped = data.decode("utf-8", "surrogateescape")
    if len(_BEYOND_ASCII.findall(escaped)) > len(_BROKEN.findall(escaped)):
        return _decode_as(data, "utf-8", has_bom=False)
    try:
        return FileText(data.decode("cp1252"), "cp1252")
    except UnicodeDecodeError:
        return FileText(data.decode("latin-1"), "latin-1")
