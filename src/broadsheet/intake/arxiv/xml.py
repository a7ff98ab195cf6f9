"""XML of arXiv's, parsed without trust: no entities, no network, bounded size and depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from broadsheet.intake.opening import EXCERPT_BYTES, InputError
from broadsheet.records import Quarantined

Element = etree._Element

# Beyond what arXiv sends: a page of its harvest has some 1 300 records of 3 kB.
LARGEST = 64 * 1024 * 1024
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
# XML knows no way to write these; a title that holds one must not cost the thousand beside it.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FORBIDDEN_REFERENCE = re.compile(
    r"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef]|d[89a-f][0-9a-f]{2}));",
    re.IGNORECASE,
)


def document(data: bytes) -> Element:
    """The root of a document. Raises InputError for what is no XML, or is made to hurt."""
    if len(data) > LARGEST:
        raise InputError(f"the answer has {len(data):,} bytes; at most {LARGEST:,}")
    if not data.strip():
        raise InputError("the answer is empty")
    _refuse_entities(data)
    try:
        return _parsed(data)
    except etree.XMLSyntaxError as error:
        mended = _mended(data)
        if mended == data:
            raise _broken(error, data) from None
    try:
        return _parsed(mended)
    except etree.XMLSyntaxError as error:
        raise _broken(error, data) from None


def local(element: Element) -> str:
    """The name of an element without its namespace; "" for what is no element."""
    tag: object = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element, name: str) -> Iterator[Element]:
    """The direct children of a name, whatever their namespace."""
    return (child for child in element if local(child) == name)


def child(element: Element, name: str) -> Element | None:
    """The first child of a name."""
    return next(children(element, name), None)


def text(element: Element | None) -> str:
    """All the text in an element, or "" where there is none."""
    if element is None:
        return ""
    if len(element) == 0:
        return element.text or ""
    return "".join(str(piece) for piece in element.itertext())


def texts(element: Element) -> dict[str, str]:
    """The text of each direct child by its name; of several of one name, the first."""
    found: dict[str, str] = {}
    for each in element:
        found.setdefault(local(each), text(each))
    return found


def aside(
    element: Element, error: InputError, *, file: str, source: str, key: str = ""
) -> Quarantined:
    """An element put aside, with its bytes, and its name where that can be read."""
    data = etree.tostring(element, encoding="utf-8", with_tail=False)
    return Quarantined(
        file=file,
        line=int(getattr(element, "sourceline", None) or 1),
        reason=error.reason,
        source=source,
        excerpt=data[:EXCERPT_BYTES],
        size=len(data),
        key=key,
    )


def _parsed(data: bytes) -> Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root = etree.fromstring(data, parser)
    dtd: Any = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise InputError("the answer declares entities, which no answer of arXiv's does")
    return root


def _refuse_entities(data: bytes) -> None:
    # Before parsing too: entities within attributes are expanded whatever the parser is told.
    if _ENTITY.search(data) or _ENTITY.search(data[:4096].replace(b"\0", b"")):
        raise InputError("the answer declares entities, which no answer of arXiv's does")


def _mended(data: bytes) -> bytes:
    text = _FORBIDDEN.sub("", data.decode("utf-8", "replace"))
    return _FORBIDDEN_REFERENCE.sub("", text).encode()


def _broken(error: etree.XMLSyntaxError, data: bytes) -> InputError:
    line = error.lineno or 1
    start = data.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return InputError("the answer is a web page, not XML", head=data[:EXCERPT_BYTES])
    return InputError(f"the answer is not XML: it breaks off or errs at line {line:,}", line)
