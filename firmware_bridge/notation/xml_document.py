"""XML from outside, read with care: no document types or entities, and bounded in size and depth.

Cameras speak XML (ONVIF, Hikvision ISAPI); what a bridge forwards of them reaches the families as text.
"""

from typing import Any
from xml.etree import ElementTree

from appliance.errors import Rejected

MAX_ELEMENTS = 10_000
MAX_DEPTH = 64

Element = ElementTree.Element


def read_xml(text: str) -> Element:
    """The root element of a document.

    raises   Rejected    not well-formed, with a document type or entities of its own, over 10,000 elements or 64 deep
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Rejected("XML with a document type or entities is not read: a device has no need of them")
    if text.count("</") + text.count("/>") > MAX_ELEMENTS:
        raise Rejected(f"XML of more than {MAX_ELEMENTS} elements")
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff \r\n\t"))
    except (ElementTree.ParseError, ValueError) as error:
        raise Rejected(f"not well-formed XML: {error}") from None
    _check_depth(root)
    return root


def local_name(element: Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def plain_of(element: Element) -> dict[str, Any]:
    """The children of an element as JSON would hold them: text, objects, and lists where a name stands repeatedly.

    Attributes and namespaces are left out: ISAPI says nothing in them.
    """
    plain: dict[str, Any] = {}
    for child in element:
        value: Any = plain_of(child) if len(child) else (child.text or "").strip()
        name = local_name(child)
        if name not in plain:
            plain[name] = value
        elif type(plain[name]) is list:
            plain[name].append(value)
        else:
            plain[name] = [plain[name], value]
    return plain


def _check_depth(root: Element) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise Rejected(f"XML deeper than {MAX_DEPTH} elements")
        level = [child for element in level for child in element]
