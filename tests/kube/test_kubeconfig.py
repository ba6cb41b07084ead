"""A kubeconfig is data: whatever in it would run, read, weaken or impersonate is refused by name."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from mcd.errors import Code, McdError
from mcd.kube.kubeconfig import parse_kubeconfig

CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()
KEY = base64.b64encode(b"-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n").decode()
SECRET = "s3cret-token-value"


def written(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **top: Any) -> str:
    doc = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {"server": "https://10.0.0.1:6443", "certificate-authority-data": CA, **(cluster or {})},
            }
        ],
        "users": [{"name": "u", "user": {"token": SECRET, **(user or {})}}],
        **top,
    }
    return yaml.safe_dump({k: v for k, v in doc.items() if v is not None})


def test_a_plain_kubeconfig_is_read() -> None:
    found = parse_kubeconfig(written())
    assert (found.server, found.token) == ("https://10.0.0.1:6443", SECRET)
    assert found.ca.startswith("-----BEGIN CERTIFICATE")
    assert SECRET not in repr(found)


def test_a_client_certificate_is_a_credential_too() -> None:
    found = parse_kubeconfig(written(user={"token": "", "client-certificate-data": CA, "client-key-data": KEY}))
    assert found.key.startswith("-----BEGIN RSA PRIVATE KEY")
    assert "PRIVATE" not in repr(found)


def test_a_token_beside_the_file_replaces_its_credential() -> None:
    assert parse_kubeconfig(written(), token="other").token == "other"


UNSAFE_USER: dict[str, Any] = {
    "exec": {"command": "/bin/sh"},
    "auth-provider": {"name": "gcp"},
    "tokenFile": "/etc/passwd",
    "client-certificate": "/etc/passwd",
    "client-key": "/etc/passwd",
    "as": "admin",
    "as-groups": ["system:masters"],
    "as-uid": "1",
    "as-user-extra": {"a": ["b"]},
    "username": "admin",
    "password": "x",
}
UNSAFE_CLUSTER: dict[str, Any] = {
    "insecure-skip-tls-verify": True,
    "proxy-url": "http://proxy:3128",
    "certificate-authority": "/etc/passwd",
}


@pytest.mark.parametrize("key", [*UNSAFE_USER, *UNSAFE_CLUSTER])
def test_what_runs_reads_weakens_or_impersonates_is_refused_by_name(key: str) -> None:
    text = written(user={key: UNSAFE_USER[key]}) if key in UNSAFE_USER else written(cluster={key: UNSAFE_CLUSTER[key]})
    for token in ("", "other"):
        with pytest.raises(McdError) as refused:
            parse_kubeconfig(text, token=token)
        assert (refused.value.code, refused.value.reason) == (Code.INVALID, "KubeconfigUnsafe")
        assert key in refused.value.message


def test_all_unsafe_keys_are_listed_at_once() -> None:
    with pytest.raises(McdError) as refused:
        parse_kubeconfig(written(cluster={"proxy-url": "http://x"}, user={"exec": {"command": "x"}}))
    assert "proxy-url" in refused.value.message
    assert "exec" in refused.value.message


BROKEN = {
    "empty": "",
    "a list": "[]",
    "a text": "hello",
    "half": written()[:40] + "\n  - [",
    "tabs": "a:\n\t- b",
    "alias": "a: &x [1]\nb: *x",
    "deep": "[" * 5000,
    "huge": "a: " + "x" * 300_000,
    "no context": written(contexts=[]),
    "other context": written(**{"current-context": "other"}),
    "twice": written(clusters=[{"name": "c", "cluster": {}}, {"name": "c", "cluster": {}}]),
    "http": written(cluster={"server": "http://10.0.0.1"}),
    "userinfo": written(cluster={"server": "https://a:b@10.0.0.1"}),
    "no host": written(cluster={"server": "https://"}),
    "port": written(cluster={"server": "https://h:99999"}),
    "query": written(cluster={"server": "https://h/?x=1"}),
    "number": written(cluster={"server": 7}),
    "ca no base64": written(cluster={"certificate-authority-data": "%%%"}),
    "ca no pem": written(cluster={"certificate-authority-data": base64.b64encode(b"x").decode()}),
    "ca a list": written(cluster={"certificate-authority-data": [1]}),
    "no credential": written(user={"token": ""}),
    "token with a newline": written(user={"token": "a\nAuthorization: b"}),
    "certificate without key": written(user={"client-certificate-data": CA}),
    "server name": written(cluster={"tls-server-name": "a b"}),
    "keys that are no text": "1: 2\n? [a]\n: b",
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_one_line_without_the_credential(case: str) -> None:
    with pytest.raises(McdError) as refused:
        parse_kubeconfig(BROKEN[case])
    text = str(refused.value)
    assert refused.value.code is Code.INVALID
    assert SECRET not in text
    assert "\n" not in text
