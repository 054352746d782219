"""A small HTML parser for tests: a tree of elements with their attributes, text and parents."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "path", "circle", "br"}


class Element:
    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.children: list[Element] = []
        self.own_text = ""

    @property
    def text(self) -> str:
        """The text of the element and its children, without templates."""
        inner = "".join(child.text for child in self.children if child.tag != "template")
        return " ".join((self.own_text + " " + inner).split())

    def all(self, *tags: str, having: str = "", templates: bool = True) -> Iterator[Element]:
        """The elements inside it, in document order."""
        for child in self.children:
            if (not tags or child.tag in tags) and (not having or having in child.attributes):
                yield child
            if templates or child.tag != "template":
                yield from child.all(*tags, having=having, templates=templates)


class _TreeBuilder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {}, None)
        self.current = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.current)
        self.current.children.append(element)
        if tag not in VOID:
            self.current = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.current.children.append(Element(tag, {name: value or "" for name, value in attrs}, self.current))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.current.tag, f"Expected </{self.current.tag}>, found </{tag}>."
        assert self.current.parent is not None
        self.current = self.current.parent

    def handle_data(self, data: str) -> None:
        self.current.own_text += data


def parse(page: str) -> Element:
    """The root of a page. Every element must be closed."""
    reader = _TreeBuilder()
    reader.feed(page)
    reader.close()
    assert reader.current is reader.root, f"Expected </{reader.current.tag}>, found the end of the page."
    return reader.root
