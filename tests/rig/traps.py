"""Whole files that are an attack: T3 to T5 of the threat model, each with a size that the fuzzer turns.

It must not know what is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.rig.choices import Choices

_HEAD = "appname: shop\ncomponents:\n  web: {type: web, image: nginx:1.29.3}\n"


def _bomb(c: Choices) -> bytes:
    """The alias bomb: 442 bytes with nine levels of nine."""
    width, depth = 1 + c.below(12), 1 + c.below(12)
    text = "a0: &a0 [" + ", ".join(["lol"] * width) + "]\n"
    for level in range(1, depth):
        text += f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * width) + "]\n"
    return text.encode()


def _deep(c: Choices) -> bytes:
    levels = c.one((10, 31, 32, 33, 100, 1000, 200_000))
    opened, closed = c.one((("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[", "")))
    return (_HEAD + "x: " * c.below(2) + opened * levels + "1" + closed * levels).encode()[:300_000]


def _number(c: Choices) -> bytes:
    digits = c.one((18, 19, 20, 400, 4300, 4301, 5000, 100_000))
    key = c.one(("port", "replicas", "timeout", "cpu"))
    return f"{_HEAD}  x:\n    type: web\n    {key}: {c.one(('', '-', '0x', '1e', '.'))}{'9' * digits}\n".encode()


def _surrogate(c: Choices) -> bytes:
    return _HEAD.encode() + c.one((
        b"# \xed\xa0\x80", b"description: \xed\xb0\x80\n", b'description: "\\ud800"\n',
        b'description: "\\udc00\\ud800"\n',
        b"description: \xf4\x90\x80\x80\n", b"description: \xc0\x80\n",
    ))  # fmt: skip


def _encoded(c: Choices) -> bytes:
    how = c.one(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1"))
    return (_HEAD + "description: é\n").encode(how)


def _binary(c: Choices) -> bytes:
    return (
        _HEAD.encode()
        + c.one((b"\x00", b"\xff\xfe", b"\x1b[2J", b"\x7fELF\x02\x01", b"PK\x03\x04", b"\x80"))
        + c.rest()
    )


def _line_ends(c: Choices) -> bytes:
    end = c.one(("\r\n", "\r", "\x85", "\u2028", "\u2029", "\n\r", "\n\n"))
    return _HEAD.replace("\n", end).encode()


def _tabs(c: Choices) -> bytes:
    return _HEAD.replace("  ", c.one(("\t", " \t", "  \t", "\t  "))).encode()


def _many_keys(c: Choices) -> bytes:
    count = c.one((99, 100, 101, 499, 501, 5_000, 20_000, 50_000))
    at, line = c.one((
        ("", "k{}: 1\n"), ("components:\n", "  c{}: {{type: daemon}}\n"), ("env:\n", "  K{}: x\n"),
        ("files:\n", "  /f{}: x\n"),
        ("infra:\n", "  i{}: true\n"), ("alerts:\n", "- {{name: a{}, expr: up}}\n"), ("owners:\n", "- u{}\n"),
        ("environments:\n", "  e{}: {{description: x}}\n"), ("x:\n", "  same: {}\n"),
    ))  # fmt: skip
    head = _HEAD.split("components")[0] if at == "components:\n" else _HEAD
    return (head + at + "".join(line.format(n) for n in range(count))).encode()[:300_000]


def _long(c: Choices) -> bytes:
    size = c.one((1_000, 32_768, 32_769, 131_072, 262_143, 262_144, 262_145))
    key = c.one(("description", "image", "command", "x" * 2000, "schedule"))
    first = c.one(("a", "*", "{{", "$(", "\\", "é", "[", '"', "'"))
    part = c.one(("a", "*", " ", "{{ .A }}", "$X ", "0 ", "\\", "/", "-", "("))
    return f"{_HEAD}  y:\n    type: cron\n    {key}: {first}{(part * size)[:size]}\n".encode()


def _templates(c: Choices) -> bytes:
    part = c.one(
        ("{{ .A }}", "{{ if .A }}", "{{ end }}", "{{", "}}", "{{/* */}}", "{{- .A -}}", "{{ .A | json }}", "$A", "$(A)")
    )
    count = c.one((1, 2, 30, 1000, 20_000))
    return f"{_HEAD}env: {{A: 'x'}}\nfiles:\n  /etc/x: {{template: true, content: '{part * count}'}}\n".encode()[
        :300_000
    ]


def _circles(c: Choices) -> bytes:
    count = 2 + c.below(200)
    body = "".join(f"  V{n}: '{{{{ .V{(n + 1) % (count + c.below(2))} }}}}'\n" for n in range(count))
    return f"{_HEAD}env:\n{body}".encode()


KINDS: tuple[Callable[[Choices], bytes], ...] = (
    _bomb, _deep, _number, _surrogate, _encoded, _binary, _line_ends, _tabs, _many_keys, _long, _templates, _circles,
)  # fmt: skip


def trap(c: Choices) -> bytes:
    """One of them."""
    return c.one(KINDS)(c)
