"""What a person reads who does something for the first time, or for the last."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cli.conftest import Mcd, Platform, signed_in


def test_a_secret_of_an_app_that_is_not_there_is_refused_with_how_to_make_it(dora: Mcd, platform: Platform) -> None:
    olaf = signed_in(dora, platform, "olaf")
    told = olaf("secret", "set", "flasky", "pay", "--from-stdin", stdin="KEY=s3cr3t\n")
    assert told.code == 3
    assert "first `mcd app create flasky -p demo`, then set the secret again." in told.err
    assert "s3cr3t" not in told.err
    assert olaf("app", "create", "flasky", "-p", "demo").code == 0
    assert olaf("secret", "set", "flasky", "pay", "--from-stdin", stdin="KEY=s3cr3t\n").code == 0
    told = signed_in(dora, platform, "nina")("secret", "set", "flaskier", "pay", "--from-stdin", stdin="KEY=x\n")
    assert (told.code, "app create" in told.err) == (3, False)


def test_a_token_is_revoked_by_its_name_and_an_unknown_one_names_those_there_are(dora: Mcd) -> None:
    token = dora("token", "create", "nightly", "--scope", "read").out.strip()
    told = dora("token", "revoke", "nightli")
    assert (told.code, told.err.count("\n")) == (3, 1)
    assert f"{token.split('_')[2]} (nightly)" in told.err
    assert dora("whoami", env={"MCD_TOKEN": token}).code == 0
    assert dora("token", "revoke", "nightly").code == 0
    assert dora("whoami", env={"MCD_TOKEN": token}).code == 4


def test_a_delete_says_all_that_goes_and_all_that_is_kept(dora: Mcd, platform: Platform) -> None:
    platform.deployed("parting")
    said = signed_in(dora, platform, "olaf")("delete", "parting").err
    goes, _, kept = said.partition(" go; ")
    assert all(word in goes for word in ("pods", "addresses", "secrets", "Settings", "history"))
    assert all(word in kept for word in ("volumes", "commits"))


def test_an_address_behind_which_nothing_runs_is_printed_with_a_word(dora: Mcd, platform: Platform) -> None:
    platform.deployed("asleep")
    assert dora("open", "asleep", "--url").err == ""
    with platform.hurry():
        assert dora("scale", "asleep", "web=0", "--wait").code == 0
    told = dora("open", "asleep", "--url")
    assert (told.code, told.out.count("\n")) == (0, 1)
    assert "asleep/web has 0 pods. `mcd scale asleep web=1` starts one." in told.err


def test_the_age_of_an_app_is_not_that_of_its_newest_rollout(dora: Mcd, platform: Platform) -> None:
    platform.deployed("aged")
    with platform.hurry():
        assert dora("restart", "aged", "--wait").code == 0
    made = json.loads(dora("app", "show", "aged", "-o", "json").out)
    rows = {
        form: [line.split() for line in dora("app", "list", "-o", form).out.splitlines()] for form in ("table", "wide")
    }
    assert rows["table"][0] == ["NAME", "PRODUCT", "LINE", "STATE", "RELEASE", "AGE"]
    assert "DEPLOYED" in rows["wide"][0]
    assert made["created_at"] < made["live"]["created_at"]


def test_init_names_the_server_that_is_known(here: Mcd, tmp_path: Path) -> None:
    for name, env, where in (
        ("one", {"MCD_SERVER": "http://127.0.0.1:7070"}, "http://127.0.0.1:7070"),
        ("two", {}, "SERVER"),
    ):
        (tmp_path / name).mkdir()
        told = here("init", str(tmp_path / name), "--language", "python", "--name", "shop", env=env)
        assert told.code == 0, told.err
        assert f"`git push {where}/git/shop.git main`" in told.err


def test_init_says_how_git_gets_the_token_until_git_has_it(here: Mcd, tmp_path: Path) -> None:
    """Without the helper the push that init proposes ends in a question for a password that nobody has."""
    server, config = "http://127.0.0.1:7070", tmp_path / "gitconfig"
    config.write_text("[credential]\n\thelper = store\n")
    signed = {"MCD_SERVER": server, "MCD_TOKEN": "mcd_pat_1", "GIT_CONFIG_GLOBAL": str(config)}
    line = f'git config --global credential.{server}.helper "!$(command -v mcd) credential"'

    def told(name: str, env: dict[str, str]) -> str:
        (tmp_path / name).mkdir()
        done = here("init", str(tmp_path / name), "--language", "python", "--name", "shop", env=env)
        assert done.code == 0, done.err
        return done.err

    first = told("one", signed)
    assert first.index(line) < first.index("Next: ")
    assert "credential" not in told("two", signed | {"MCD_TOKEN": ""}), "nobody is signed in, so the helper is mute"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mcd").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "mcd").chmod(0o755)
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    subprocess.run(
        ["sh", "-c", line], check=True, env={"PATH": path, "GIT_CONFIG_GLOBAL": str(config), "HOME": str(tmp_path)}
    )
    assert "credential" not in told("three", signed), "the line that was said is what is looked for"
    other = signed | {"MCD_SERVER": "http://127.0.0.1:7071"}
    assert "credential.http://127.0.0.1:7071.helper" in told("four", other), "a helper of another server"
