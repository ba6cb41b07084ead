"""Where a web answers: the addresses that status and a push tell people to open."""

from __future__ import annotations

import pytest

from mcd.api.addresses import urls
from mcd.appyaml.compiler import Source, check, compile_app
from mcd.appyaml.context import read_context

TEXT = """
appname: shop
components:
  web:
    type: web
    image: nginx:1.29.3
    domains: [{host: shop.example.com, path: /cart, tls: letters}, plain.example.com]
"""


@pytest.mark.parametrize(
    ("port", "inside"), [(80, "http://shop.apps.test/"), (26004, "http://shop.apps.test:26004/")]
)  # fmt: skip
def test_a_host_with_a_certificate_is_https_whatever_port_the_gateway_has(port: int, inside: str) -> None:
    context, _ = read_context(
        '{"cluster": {"base_domain": "apps.test", "gateway": {"listener_set": true}}, '
        '"settings": {"secrets": {"letters": {"keys": ["tls.crt", "tls.key"], "version": "1"}}}}',
        "context",
    )
    assert context is not None
    compiled = compile_app(check(TEXT, "app.yaml"), context, Source())
    assert compiled.spec is not None
    assert compiled.ok, compiled.problems
    plain = f"http://plain.example.com{inside.removeprefix('http://shop.apps.test')}"
    assert urls(compiled.spec.components, port) == [inside, "https://shop.example.com/cart", plain]
