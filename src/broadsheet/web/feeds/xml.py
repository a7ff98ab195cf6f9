"""Elements of XML, made by lxml: what RSS, Atom and OPML share."""

from __future__ import annotations

from datetime import datetime

from lxml import etree

ATOM = "http://www.w3.org/2005/Atom"


def child(
    parent: etree._Element, name: str, said: str | None = None, /, **attributes: str
) -> etree._Element:
    """A new last child that says `said`; `name` is `{namespace}local` or a plain one."""
    made = etree.SubElement(parent, name, attributes)
    made.text = said
    return made


def document(root: etree._Element) -> bytes:
    """The document in UTF-8 with its declaration."""
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def rfc3339(moment: datetime) -> str:
    """As in `2025-11-19T00:00:00Z` (RFC 3339), to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
