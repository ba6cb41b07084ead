"""Every kind of the catalogue says the same things, as the specification names them; the credentials follow from it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from mcd.errors import McdError
from mcd.infra.catalog import KINDS
from mcd.infra.credentials import secret_of
from mcd.infra.offering import Form, Offering

OFFERINGS = {offering.name: offering for offering in KINDS.values()}
EACH = pytest.mark.parametrize("offering", OFFERINGS.values(), ids=lambda offering: offering.name)

THE_PAGE = {
    "mysql": ("host port user password database url", "mysql://user:password@host:port/database"),
    "mariadb": ("host port user password database url", "mysql://user:password@host:port/database"),
    "postgresql": ("host port user password database url", "postgresql://user:password@host:port/database"),
    "mongodb": ("host port user password database url", "mongodb://user:password@host:port/database"),
    "clickhouse": ("host port http_port user password database url", "clickhouse://user:password@host:port/database"),
    "milvus": ("host port user password database url", "http://host:port"),
    "redis": ("host port user password url prefix", "redis://user:password@host:port/0"),
    "memcached": ("host port url", "memcached://host:port"),
    "rabbitmq": ("host port user password vhost url", "amqp://user:password@host:port/vhost"),
    "kafka": ("brokers user password sasl url prefix", "kafka://user:password@brokers"),
    "nats": ("host port user password url", "nats://user:password@host:port"),
    "elasticsearch": ("host port user password url prefix", "https://user:password@host:port"),
    "opensearch": ("host port user password url prefix", "https://user:password@host:port"),
    "etcd": ("endpoints user password prefix", ""),
    "oss": ("endpoint bucket region access_key secret_key url", "s3://bucket"),
}
"""app-yaml 5.1: the words of each kind in the order of the page, and its URL."""


def test_the_kinds_are_those_of_the_page() -> None:
    assert OFFERINGS.keys() == THE_PAGE.keys()
    others = {word: offering.name for word, offering in KINDS.items() if word != offering.name}
    assert others == {"postgres": "postgresql", "valkey": "redis", "s3": "oss", "minio": "oss"}


@EACH
def test_a_kind_is_found_by_exactly_the_words_that_it_names(offering: Offering) -> None:
    assert {word for word, kind in KINDS.items() if kind is offering} == {offering.name, *offering.also}


@EACH
def test_the_words_and_the_url_are_those_of_the_page(offering: Offering) -> None:
    words, url = THE_PAGE[offering.name]
    assert list(offering.words) == words.split()
    assert re.sub(r"[{}]", "", offering.url) == url


@EACH
def test_the_url_and_the_ports_are_made_of_words_that_the_app_gets(offering: Offering) -> None:
    assert set(re.findall(r"\{(\w+)\}", offering.url)) <= set(offering.words)
    assert ("url" in offering.words) == bool(offering.url)
    assert offering.ports
    assert set(offering.ports) <= set(offering.words)


@EACH
def test_database_and_bucket_are_words_of_the_kinds_that_have_them(offering: Offering) -> None:
    assert {"database", "bucket"} & set(offering.options) == {"database", "bucket"} & set(offering.words)
    assert ("access" in offering.options) == ("bucket" in offering.options)


@EACH
def test_a_prefix_stands_where_the_word_does_and_is_empty_on_a_server_of_its_own(offering: Offering) -> None:
    assert ("prefix" in offering.words) == bool(offering.prefix)
    assert offering.own_prefix == ("/{app}/" if offering.name == "etcd" else "")


@EACH
def test_a_kind_says_in_sentences_when_it_is_ready_and_what_stays(offering: Offering) -> None:
    for sentence in (offering.ready, offering.stays):
        assert re.fullmatch(r"[A-Z][^\n]+\.", sentence)
    for server in (offering.standalone, offering.high):
        assert server.form in get_args(Form)
        shape = r"[a-z0-9.]+/v\w+ [A-Z]\w+" if server.form == "operator" else r"[a-z0-9./-]+"
        assert re.fullmatch(shape, server.what)


def test_only_what_cannot_keep_tenants_apart_is_never_shared() -> None:
    assert {name for name, offering in OFFERINGS.items() if not offering.shared} == {"memcached", "mongodb"}


def made(offering: Offering, **values: str) -> dict[str, str]:
    return {word: f"the-{word}" for word in offering.words if word not in ("url", "prefix")} | values


@EACH
def test_the_secret_of_a_need_has_exactly_the_words_of_its_kind(offering: Offering) -> None:
    secret = secret_of(offering, made(offering), "shop", own_server=True)
    assert tuple(secret) == offering.words
    assert all(value or word == "prefix" for word, value in secret.items())


def test_user_and_password_in_a_url_are_percent_encoded_and_the_words_are_not() -> None:
    values = made(KINDS["mysql"], user="a@b", password="p/w:ä%", host="db", port="3306", database="shop")
    secret = secret_of(KINDS["mysql"], values, "shop", own_server=True)
    assert secret["url"] == "mysql://a%40b:p%2Fw%3A%C3%A4%25@db:3306/shop"
    assert secret["password"] == "p/w:ä%"


@pytest.mark.parametrize(
    ("kind", "own", "prefix"),
    [("redis", True, ""), ("redis", False, "shop:"), ("kafka", False, "shop."), ("etcd", True, "/shop/")],
)
def test_names_begin_with_the_app_on_a_shared_server(kind: str, own: bool, prefix: str) -> None:
    assert secret_of(KINDS[kind], made(KINDS[kind]), "shop", own_server=own)["prefix"] == prefix


def test_a_word_that_is_missing_or_unknown_is_named_and_no_value_is() -> None:
    wrong = made(KINDS["mysql"], pasword="hunter2")
    del wrong["password"]
    with pytest.raises(McdError, match=r"^mysql was given other words than its own: password, pasword\.") as caught:
        secret_of(KINDS["mysql"], wrong, "shop", own_server=True)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(McdError, match="url"):
        secret_of(KINDS["mysql"], {**made(KINDS["mysql"]), "url": "mysql://x"}, "shop", own_server=True)
