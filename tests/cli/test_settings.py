"""Settings by the command: what app.yaml requires, config maps, and secrets that were generated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Mcd, Platform, data, signed_in

REQUIRES = """web:
  type: web
  image: "registry.test/hello:1"
  env: {SITE_NAME: {required: true}}
  files: {/etc/site.conf: {config: site/nginx.conf}}"""


def test_required_values_and_config_maps_are_set_shown_and_kept_while_they_are_read(
    dora: Mcd, platform: Platform, tmp_path: Path
) -> None:
    olaf = signed_in(dora, platform, "olaf")
    assert dora("app", "create", "harbour", "-p", "demo").code == 0
    (tmp_path / "nginx.conf").write_text("worker_processes 2;\n")
    file = f"configs.site.nginx.conf=@{tmp_path}/nginx.conf"
    told = olaf("settings", "set", "harbour", "env.SITE_NAME=Harbour = Lake", file, "configs.site.b=x")
    assert told.code == 0, told.err
    platform.deployed("harbour", REQUIRES)
    shown = dora("settings", "show", "harbour").out
    assert "SITE_NAME" in shown
    assert "site (b, nginx.conf)" in shown
    values = data(dora("settings", "show", "harbour", "-o", "json"))["values"]
    assert values == {
        "env": {"SITE_NAME": "Harbour = Lake"},
        "configs": {"site": {"nginx.conf": "worker_processes 2;\n", "b": "x"}},
    }
    told = olaf("settings", "unset", "configs.site", "-a", "harbour")
    assert (told.code, told.out) == (5, ""), told.err
    assert told.err.startswith("mcd: configs.site is in use by harbour (components.web.files")
    told = olaf("settings", "unset", "harbour", "env.SITE_NAME")
    assert "env.SITE_NAME is in use by harbour" in told.err
    with platform.hurry():
        told = olaf("settings", "unset", "configs.site.b", "-a", "harbour", "--wait")
    assert told.code == 0, told.err
    told = olaf("settings", "set", "harbour", "env.OTHER=secret-word")
    assert told.code == 2
    assert "no app.yaml of harbour calls it required. Required are: SITE_NAME." in told.err
    assert "secret-word" not in told.err


def test_a_generated_secret_is_listed_and_replaced_and_its_value_is_nowhere(dora: Mcd, platform: Platform) -> None:
    olaf = signed_in(dora, platform, "olaf")
    platform.deployed("maker", "web: {type: web, image: 'r.test/x:1', env: {KEY: {generate: secret}}}")
    rows = dora("secret", "list", "maker").out.splitlines()
    assert rows[1].split()[:4] == ["KEY", "KEY", "1", "generated"], rows
    with platform.hurry():
        told = olaf("secret", "rotate", "maker", "KEY")
        platform.until(lambda: platform.is_ready("maker"))
    assert told.code == 0, told.err
    assert {tuple(line.split()) for line in told.out.splitlines()} >= {("version:", "2"), ("how:", "generated")}
    told = olaf("secret", "rotate", "maker", "NOPE")
    assert (told.code, told.out) == (3, ""), told.err
    assert 'nothing was generated as "NOPE"' in told.err


@pytest.mark.parametrize(
    "words",
    [
        ["SITE_NAME=Harbour"],
        ["env.=x"],
        ["env=x"],
        ["configs.site=x"],
        ["configs.=x"],
        ["components.web.cpu=2"],
        ["configs.site.a=x", "configs.site.a=y"],
    ],
)
def test_what_is_not_set_here_is_refused_with_where_it_is_written(dora: Mcd, words: list[str]) -> None:
    told = dora("settings", "set", "shop", *words)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1), told.err
    assert "Harbour" not in told.err


def test_a_part_and_the_whole_of_it_are_not_named_together(dora: Mcd) -> None:
    for names in (("configs.site", "configs.site.a"), ("configs.site.a", "configs.site")):
        told = dora("settings", "unset", *names, "-a", "shop")
        assert told.code == 2, names
        assert "Keep one." in told.err
