"""The command against the real application, with a cluster in memory: signing in, and the platform itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import PASSWORD, Mcd, Platform, data, signed_in

NOBODY = {"MCD_SERVER": "", "MCD_TOKEN": ""}


# --- signing in -----------------------------------------------------------------------------------------------------


def test_a_password_becomes_a_token_that_works_and_is_taken_back(here: Mcd, platform: Platform, tmp_path: Path) -> None:
    told = here("login", platform.url, "-n", "dora", "--password-stdin", stdin=PASSWORD + "\n")
    assert told.code == 0, told.err
    file = tmp_path / "config" / "contexts.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in file.read_text()
    token = json.loads(file.read_text())["contexts"][platform.url.removeprefix("http://")]["token"]
    assert token not in told.out + told.err
    assert "dora" in here("whoami").out
    again = here("login", "-n", "dora", "--password-stdin", stdin=PASSWORD + "\n")
    assert again.code == 0, again.err
    assert here("whoami", env={"MCD_SERVER": platform.url, "MCD_TOKEN": token}).code == 4, "the old token still works"
    token = json.loads(file.read_text())["contexts"][platform.url.removeprefix("http://")]["token"]
    assert here("logout").code == 0
    assert here("whoami", env={"MCD_SERVER": platform.url, "MCD_TOKEN": token}).code == 4, "a copy of it still works"
    told = here("whoami")
    assert (told.code, told.err.count("\n")) == (4, 1)
    assert "mcd login" in told.err


def test_a_wrong_password_is_refused_and_stores_nothing(here: Mcd, platform: Platform, tmp_path: Path) -> None:
    told = here("login", platform.url, "-n", "dora", "--password-stdin", stdin="wr0ng\n")
    assert (told.code, told.out, told.err.count("\n")) == (4, "", 1)
    assert "wr0ng" not in told.err
    assert not (tmp_path / "config").exists()


def test_a_token_can_be_given_and_a_wrong_one_is_not_kept(here: Mcd, platform: Platform, tmp_path: Path) -> None:
    assert here("login", platform.url, "--token", "-", stdin="mcd_pat_x_y\n").code == 4
    assert not (tmp_path / "config").exists()
    assert here("login", platform.url, "--token", "-", stdin=platform.tokens["vera"] + "\n").code == 0
    assert here("whoami", "-o", "name").out == "person/vera\n"


# --- the platform itself --------------------------------------------------------------------------------------------


def test_a_product_line_is_made_changed_and_deleted(root: Mcd, platform: Platform) -> None:
    assert (
        root("product-line", "create", "second", "--cluster", "local", "--quota", "cpu=4", "--quota", "pods=10").code
        == 0
    )
    assert root("product-line", "set", "second", "--quota", "cpu=8").code == 0
    assert json.loads(root("product-line", "set", "second", "--take-over", "-o", "json").out)["take_over"] is True
    assert data(root("product-line", "show", "second", "-o", "json"))["wishes"] == {"quota": {"cpu": "8", "pods": 10}}
    assert root("member", "add", "nina", "--role", "viewer", "-p", "second").code == 0
    assert "nina" in root("member", "list", "-p", "second").out
    assert root("member", "remove", "nina", "-p", "second").code == 0
    told = root("product-line", "delete", "second", "-y")
    assert told.code == 0, told.err
    assert signed_in(root, platform, "dora")("product-line", "create", "third", "--cluster", "local").code == 4


def test_a_pool_is_set_from_a_file_and_a_wrong_one_is_refused(root: Mcd, platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text("labels: {mcd.internal/node-pool: gpu}\ndevices: [{vendor: nvidia, model: T4, per_node: 4}]\n")
    told = root("node-pool", "set", "gpu", "--cluster", "local", "-f", str(file))
    assert told.code == 0, told.err
    assert "4 x nvidia T4" in root("node-pool", "list", "--cluster", "local").out
    file.write_text("labels: {a: b}\ncolour: red\n")
    told = root("node-pool", "set", "other", "--cluster", "local", "-f", str(file))
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "colour" in told.err
    assert root("node-pool", "delete", "gpu", "--cluster", "local", "-y").code == 0


@pytest.mark.parametrize("password", ["tiny1", ""])
def test_a_person_needs_a_real_password_and_it_is_in_no_message(root: Mcd, password: str) -> None:
    told = root("person", "create", "zoe", "--password-stdin", stdin=password + "\n")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert not password or password not in told.err


def test_a_token_is_printed_alone_on_stdout_and_can_be_revoked(dora: Mcd) -> None:
    told = dora("token", "create", "ci", "--scope", "read", "--days", "1")
    assert told.code == 0, told.err
    token = told.out.strip()
    assert token.startswith("mcd_pat_")
    assert token not in told.err
    assert dora("whoami", env={"MCD_TOKEN": token}).code == 0
    assert dora("deploy", "never-was", env={"MCD_TOKEN": token}).code in (3, 4)
    number = token.split("_")[2]
    assert dora("token", "revoke", number).code == 0
    assert dora("whoami", env={"MCD_TOKEN": token}).code == 4
