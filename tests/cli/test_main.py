"""The table of commands, wrong usage, and what happens at the edge."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mcd.cli.main import ENTRIES, run
from tests.cli.conftest import Mcd

WRITTEN_HERE = [
    name for name, entry in ENTRIES.items() if entry.module not in ("mcd.cli.local", "mcd.cli.serve", "mcd.cli.admin")
]


def test_mcd_alone_prints_help_and_succeeds(mcd: Mcd) -> None:
    told = mcd()
    assert told.code == 0
    assert "deploy" in told.out
    assert told.err == ""


def test_a_misspelt_command_is_one_line_that_suggests_the_right_one(mcd: Mcd) -> None:
    told = mcd("deplyo")
    assert told.code == 2
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert told.err.startswith("mcd: ")
    assert "'deploy'" in told.err


def test_an_unknown_flag_is_wrong_usage_and_names_the_help(mcd: Mcd) -> None:
    told = mcd("version", "--nonsense")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "mcd version --help" in told.err


@pytest.mark.parametrize("command", ["rollout show", "rollout watch", "release show", "release retry"])
@pytest.mark.parametrize("words", [["guest", "3"], ["3", "guest"], ["guest"], []])
def test_an_app_where_only_its_flag_is_taken_is_refused_with_the_flag(
    capsys: pytest.CaptureFixture[str], command: str, words: list[str]
) -> None:
    assert run([*command.split(), *words]) == 2
    told = capsys.readouterr().err
    assert f" The App is given with -a: `mcd {command} N -a APP`. See `mcd {command} --help`." in told
    for other in (["history", "guest", "3"], ["scale"]):
        assert run(other) == 2
        assert "given with -a" not in capsys.readouterr().err, "it takes the App as a word"


def test_a_bug_is_one_line_and_no_trace(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import mcd.cli.version

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a\x1b[2Jb")

    monkeypatch.setattr(mcd.cli.version, "show_one", broken)
    monkeypatch.delenv("MCD_DEBUG", raising=False)
    assert run(["version"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("mcd: this is a bug in mcd: ZeroDivisionError: a\\x1b[2Jb")
    assert told.count("\n") == 1


def test_calling_one_command_imports_no_other_and_no_server_package(mcd: Mcd) -> None:
    import subprocess

    code = (
        "import sys; from mcd.cli.main import run; run(['version']);"
        "print(*sorted(m for m in sys.modules if m.startswith('mcd.') or '.' not in m), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    modules = set(done.stderr.split())
    assert not modules & {"fastapi", "kubernetes", "sqlalchemy", "uvicorn", "yaml", "ruamel", "websockets", "asyncpg"}
    assert {
        m for m in modules if m.startswith(("mcd.api", "mcd.store", "mcd.kube", "mcd.appyaml", "mcd.cli.remote"))
    } == set()


def test_checking_a_file_loads_the_compiler_and_no_noun(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "app.yaml").write_text("appname: hello\ncomponents: {web: {type: web, port: 8080}}\n", encoding="utf-8")
    code = (
        "import sys; from mcd.cli.main import run; run(['validate']);"
        "print(*sorted(m for m in sys.modules if m.startswith('mcd.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path
    )
    loaded = set(done.stdout.split())
    assert "mcd.appyaml.compiler" in loaded
    assert {m for m in loaded if m.startswith(("mcd.model", "mcd.store", "mcd.kube", "mcd.api"))} == set()


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_every_command_has_help_with_an_example(name: str) -> None:
    from mcd.cli.main import command_of

    def leaves(command: object, path: str) -> list[tuple[str, str]]:
        children = getattr(command, "commands", None)
        if children:
            return [leaf for child, c in children.items() for leaf in leaves(c, f"{path} {child}")]
        return [(path, getattr(command, "help", "") or "")]

    for path, text in leaves(command_of(name), f"mcd {name}"):
        assert "Example" in text, f"{path} has no example"
        assert f" {path.split()[-1]}" in text.split("Example")[1], f"the example of {path} does not show it"


@pytest.mark.parametrize("name", ENTRIES)
def test_no_group_offers_to_install_a_completion_that_only_mcd_itself_has(name: str) -> None:
    from mcd.cli.main import command_of

    flags = {flag for parameter in command_of(name).params for flag in parameter.opts}
    assert not {flag for flag in flags if "completion" in flag}


def test_version_works_without_a_server_and_says_so(mcd: Mcd) -> None:
    told = mcd("version")
    assert told.code == 0
    assert "mcd:" in told.out
    assert "mcd login" in told.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(mcd: Mcd, shell: str) -> None:
    told = mcd("completion", shell)
    assert told.code == 0
    assert "_MCD_COMPLETE" in told.out


def test_the_shell_completes_a_command_without_loading_it(mcd: Mcd) -> None:
    told = mcd(env={"_MCD_COMPLETE": "complete_bash", "COMP_WORDS": "mcd dep", "COMP_CWORD": "1"})
    assert told.out.split() == ["deploy"]
