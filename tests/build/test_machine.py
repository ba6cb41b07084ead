"""What of this machine's package-index settings a build may see."""

from __future__ import annotations

import configparser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mcd.build import machine


def written(tmp: Path, name: str, text: str) -> None:
    (tmp / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp / name).write_text(text)


def values(conf: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read_string(conf)
    return dict(parser["global"])


def test_the_environment_wins_over_the_persons_file_and_that_over_the_machines(tmp_path: Path) -> None:
    written(
        tmp_path, "etc/pip.conf", "[global]\nindex-url = https://one.example/simple\ntimeout = 9\ntrusted-host = a\n"
    )
    written(tmp_path, "home/x/.config/pip/pip.conf", "[install]\nindex-url = https://two.example/simple\n")
    found = values(machine.read({"HOME": "/home/x", "PIP_TIMEOUT": "30"}, root=tmp_path).pip_conf)
    assert found["index-url"] == "https://two.example/simple"
    assert found["timeout"] == "30"
    assert found["trusted-host"] == "a"


def test_no_password_and_no_token_reaches_a_build(tmp_path: Path) -> None:
    written(
        tmp_path,
        "etc/pip.conf",
        "[global]\nextra-index-url = https://me:hunter2@a.example/s\n  https://tok3n@b.example/s\n",
    )
    written(
        tmp_path, "root/.npmrc",
        "registry=https://me:hunter2@r.example/\n//r.example/:_authToken=tok3n\n_auth=tok3n\n_password=hunter2\nemail=x@y\n"
        "@team:registry=https://t.example/\n",
    )  # fmt: skip
    environ = {
        "PIP_INDEX_URL": "https://u:hunter2@c.example/s",
        "npm_config__authToken": "tok3n",
        "npm_config_proxy": "http://p:hunter2@h:1",
    }
    found = machine.read(environ, root=tmp_path)
    for text in (found.pip_conf, found.npmrc):
        assert "hunter2" not in text
        assert "tok3n" not in text
    assert values(found.pip_conf)["extra-index-url"] == "https://a.example/s https://b.example/s"
    assert "registry=https://r.example/\n" in found.npmrc
    assert "@team:registry=https://t.example/\n" in found.npmrc


def test_certificates_are_handed_on_only_where_there_is_a_bundle(tmp_path: Path) -> None:
    assert machine.read({}, root=tmp_path).certificates is None
    assert "cert" not in values(machine.read({}, root=tmp_path).pip_conf)
    written(tmp_path, "etc/ssl/certs/ca-certificates.crt", "x")
    found = machine.read({}, root=tmp_path)
    assert found.certificates == Path("/etc/ssl/certs")
    assert "cafile=/etc/ssl/certs/ca-certificates.crt" in found.npmrc


def test_a_folder_of_this_machine_is_no_find_links_of_a_build(tmp_path: Path) -> None:
    found = machine.read({"PIP_FIND_LINKS": "/opt/wheels https://w.example/"}, root=tmp_path)
    assert values(found.pip_conf)["find-links"] == "https://w.example/"


def test_of_the_environment_only_path_certificates_and_proxies_go_to_the_builder(tmp_path: Path) -> None:
    found = machine.read(
        {"PATH": "/bin", "https_proxy": "http://h:1", "MCD_SECRET": "s", "AWS_SECRET_ACCESS_KEY": "s"}, root=tmp_path
    )
    assert dict(found.variables) == {"PATH": "/bin", "https_proxy": "http://h:1"}


@given(st.lists(st.text(max_size=60), max_size=4))
def test_broken_files_of_the_machine_break_nothing(texts: list[str]) -> None:
    values(machine.pip_conf(texts, {}, bundle=True))
    assert machine.npmrc(texts, {}, bundle=False).endswith("update-notifier=false\n")
