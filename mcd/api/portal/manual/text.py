"""One Markdown page as HTML with anchors, and as passages that can be searched.

HTML in a page is shown as text, but for three things that our pages have: `<a id="…"></a>`, `<br>` and comments. A
heading has the anchor that other viewers give it; a row of a table that begins with one code has that code, if no other
row does. It must not read a file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup

Resolve = Callable[[str], str | None]
"""What a link of the page leads to here, or None: nowhere, and its words stay."""

_ANCHOR = re.compile(r'<a id="([\w.-]+)"></a>')
_BREAK = re.compile(r"<br ?/?>")
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE)
_WORD = re.compile(r"[\w./-]+")
SHELL = "sh"
"""The language of a block that is typed."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of HTML, or lines to type (then `html` is empty)."""

    html: Markup
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Link:
    """One that stands in a list: under which heading, its words, where it leads here."""

    under: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Passage:
    """What is found: a section, or a row of a table that has an anchor of its own."""

    title: str
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    parts: tuple[Part, ...]
    headings: tuple[Heading, ...]
    anchors: frozenset[str]
    links: tuple[Link, ...]
    passages: tuple[Passage, ...]


def read(source: str, resolve: Resolve, like: Text | None = None) -> Text:
    """`like` is the page in its first language: a translation has its anchors, so that one address is good for both."""
    tokens = _markdown().parse(_COMMENT.sub("", source))
    page = _Page(tokens, resolve, [heading.anchor for heading in like.headings] if like else [])
    page.walk()
    return Text(
        page.title, tuple(page.parts()), tuple(page.headings), frozenset(page.anchors), tuple(page.links),
        tuple(page.passages()),
    )  # fmt: skip


def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.inline.ruler.before("autolink", "mark", _mark)
    made.add_render_rule("mark", lambda _, tokens, at, *__: f'<span id="{tokens[at].meta["id"]}"></span>')
    made.add_render_rule("fence", lambda _, tokens, at, *__: block(tokens[at].content))
    made.add_render_rule("code_block", lambda _, tokens, at, *__: block(tokens[at].content))
    return made


def block(text: str) -> str:
    """A keyboard can scroll it."""
    return f'<pre tabindex="0"><code>{escapeHtml(text)}</code></pre>\n'


def _mark(state: StateInline, silent: bool) -> bool:
    """The two tags that pages may have within a line."""
    if found := _ANCHOR.match(state.src, state.pos):
        if not silent:
            state.push("mark", "", 0).meta["id"] = found[1]
    elif found := _BREAK.match(state.src, state.pos):
        if not silent:
            state.push("hardbreak", "br", 0)
    else:
        return False
    state.pos = found.end()
    return True


def slug(text: str) -> str:
    """The anchor of a heading, as other viewers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def words_of(inline: Token | None) -> str:
    kept = {"text", "code_inline", "softbreak", "hardbreak", "image"}
    children = (inline.children or []) if inline else []
    return "".join(child.content or " " for child in children if child.type in kept).strip()


@dataclass
class _Page:
    tokens: list[Token]
    resolve: Resolve
    given: list[str]
    """Anchors of the headings, when they are those of another page."""
    title: str = ""
    headings: list[Heading] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    links: list[Link] = field(default_factory=list)

    def walk(self) -> None:
        """Gives anchors and leads links where they lead here; the order of the page is kept."""
        marks = [child.meta["id"] for child in self._inside() if child.type == "mark"]
        self.anchors |= set(marks)
        rows = Counter(word for word, _ in self._rows())
        self._headings()
        for word, row in self._rows():
            if rows[word] == 1 and word not in self.anchors:
                row.attrSet("id", word)
                self.anchors.add(word)
        self._tables()
        self._links()

    def _inside(self) -> Iterator[Token]:
        for token in self.tokens:
            yield from token.children or ()

    def _headings(self) -> None:
        for opened, inline in zip(self.tokens, self.tokens[1:], strict=False):
            if opened.type != "heading_open":
                continue
            text = words_of(inline)
            if opened.tag == "h1" and not self.title:
                self.title = text
                opened.hidden = inline.hidden = True
                continue
            made = self.given[len(self.headings)] if len(self.headings) < len(self.given) else self._free(slug(text))
            marks = [child.meta["id"] for child in inline.children or () if child.type == "mark"]
            if made not in self.anchors:
                opened.attrSet("id", made)
                self.anchors.add(made)
            self.headings.append(Heading(int(opened.tag[1]), text, marks[0] if marks else made))

    def _free(self, anchor: str) -> str:
        used = {heading.anchor for heading in self.headings}
        return next(name for n in range(len(used) + 1) if (name := f"{anchor}-{n}" if n else anchor) not in used)

    def _rows(self) -> Iterator[tuple[str, Token]]:
        """Rows whose first cell is one code, without an anchor that the page gives."""
        for at, token in enumerate(self.tokens):
            if token.type == "tr_open" and self.tokens[at + 1].type == "td_open":
                cell = self.tokens[at + 2].children or []
                if len(cell) == 1 and cell[0].type == "code_inline" and _WORD.fullmatch(cell[0].content):
                    yield cell[0].content, token

    def _tables(self) -> None:
        for at, token in enumerate(self.tokens):
            if token.type == "th_open":
                empty = not words_of(self.tokens[at + 1])
                token.tag = self.tokens[at + 2].tag = "td" if empty else "th"
                if not empty:
                    token.attrSet("scope", "col")

    def _links(self) -> None:
        under, lists = self.title, 0
        for at, token in enumerate(self.tokens):
            lists += (token.type == "bullet_list_open") - (token.type == "bullet_list_close")
            if token.type == "heading_open":
                under = words_of(self.tokens[at + 1])
            opened: Token | None = None
            for place, child in enumerate(token.children or ()):
                if child.type == "image":
                    child.attrSet("src", self.resolve(str(child.attrGet("src"))) or "")
                    child.attrSet("loading", "lazy")
                if child.type == "link_close" and opened is not None and opened.hidden:
                    child.hidden = True
                if child.type == "link_open":
                    opened = child
                    url = self.resolve(str(child.attrGet("href")))
                    child.hidden = url is None
                    child.attrSet("href", url or "")
                    if lists and url:
                        self.links.append(Link(under, words_of(_until_close(token, place)), url))

    def parts(self) -> Iterator[Part]:
        """HTML up to lines to type, these lines, and so on."""
        made, label = _markdown(), self.title
        waiting = list[Token]()

        def so_far() -> Part:
            html = Markup(made.renderer.render(waiting, made.options, {}))  # noqa: S704 (a page of ours, html off)
            waiting.clear()
            return Part(html)

        for at, token in enumerate(self.tokens):
            if token.type == "heading_open":
                label = words_of(self.tokens[at + 1])
            if token.type == "fence" and token.level == 0 and token.info == SHELL:
                if waiting:
                    yield so_far()
                yield Part(Markup(), typed=token.content.rstrip("\n"))
            elif token.type in ("table_open", "table_close"):
                waiting += _scrolled(token, label)
            elif not (token.hidden and token.type in ("heading_open", "inline")) and not self._closes_title(at):
                waiting.append(_without_hidden(token))
        if waiting:
            yield so_far()

    def _closes_title(self, at: int) -> bool:
        return self.tokens[at].type == "heading_close" and self.tokens[at - 1].hidden

    def passages(self) -> Iterator[Passage]:
        """Each section without the rows that are passages themselves, and these."""
        title, anchor, said, heading = self.title, "", list[str](), iter(self.headings)
        row: Token | None = None
        row_said = list[str]()
        rows = list[Passage]()
        for at, token in enumerate(self.tokens):
            if token.type == "heading_open" and not token.hidden:
                yield Passage(title, anchor, " ".join(said))
                now = next(heading)
                title, anchor, said = now.text, now.anchor, []
            elif token.type == "tr_open" and (own := _anchor_of(token, self.tokens[at + 2])):
                row, row_said = token, [own]
            elif token.type == "tr_close" and row is not None:
                rows.append(Passage(row_said[0], row_said[0], " ".join(row_said[1:])))
                row = None
            elif token.type == "inline" and self.tokens[at - 1].type != "heading_open":
                (said if row is None else row_said).append(words_of(token))
            elif token.type in ("fence", "code_block"):
                said.append(token.content)
        yield Passage(title, anchor, " ".join(said))
        yield from rows


def _anchor_of(row: Token, cell: Token) -> str:
    marks = [child.meta["id"] for child in cell.children or () if child.type == "mark"]
    return marks[0] if marks else str(row.attrGet("id") or "")


def _until_close(inline: Token, opened: int) -> Token:
    children = inline.children or []
    end = next(at for at in range(opened, len(children)) if children[at].type == "link_close")
    return Token("inline", "", 0, children=children[opened:end])


def _scrolled(table: Token, label: str) -> Sequence[Token]:
    """A wide table moves by itself, for a keyboard too, and says of what it is."""
    around = Token(f"around_{table.type}", "div", table.nesting, block=True)
    if table.nesting < 0:
        return [table, around]
    around.attrs = {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": label}
    return [around, table]


def _without_hidden(token: Token) -> Token:
    if token.children:
        token.children = [child for child in token.children if not child.hidden]
    return token
