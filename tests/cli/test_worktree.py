"""What the command says of a work tree is what the server finds after the push, and the work tree stays as it was."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mcd.cli.remote.worktree import build_context, clean_commit, files_named
from mcd.errors import Code, McdError
from mcd.forge.local import LocalForge
from mcd.forge.trees import Folder, below, folder

BUILT = "appname: shop\nbuild: {context: src}\ncomponents: {web: {type: web}, cache: {type: daemon, image: 'x/y:1'}}\n"


class Repository:
    """A person's clone with a file of every sort."""

    def __init__(self, home: Path, app_yaml: str = BUILT, at: str = "") -> None:
        self.home, self.folder, self.at = home, home / "work", at
        self.folder.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write("app.yaml", app_yaml)
        self.write("src/Dockerfile", "FROM scratch\n")
        self.write("src/app.py", "print(1)\n")
        self.write("src/run", "#!/bin/sh\n").chmod(0o755)
        self.write("src/页/a b.txt", "你好\n")
        self.write("other/file", "x")
        (self.folder / at / "src" / "link").symlink_to("app.py")
        self.git("add", "-A")
        self.commit()

    def git(self, *words: str) -> str:
        who = {f"GIT_{role}_{what}": "li@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", **who}
        done = subprocess.run(["git", *words], cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / self.at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, *words: str) -> None:
        self.git("commit", "-q", "--allow-empty", "-m", "a commit", *words)

    @property
    def file(self) -> Path:
        return self.folder / self.at / "app.yaml"

    def said(self) -> dict[str, object] | None:
        return build_context(self.file, self.file.read_text(), str(self.file.relative_to(self.folder)))

    def served(self, context: str = "src") -> Folder:
        """What the server finds of HEAD, which is pushed."""
        bare = self.home / "root" / "shop.git"
        if not bare.exists():
            self.git("clone", "-q", "--bare", ".", str(bare))
        self.git("push", "-q", "-f", str(bare), "HEAD:main")
        path = str(self.file.relative_to(self.folder))
        forge, head = LocalForge(self.home / "root"), self.git("rev-parse", "HEAD")
        return asyncio.run(folder(forge, "mcd:shop", head, below(path, context), without=path))

    def prints(self) -> dict[str, str]:
        """Everything below the folder, git's own files too."""
        files = [p for p in sorted(self.folder.rglob("*")) if p.is_file() and not p.is_symlink()]
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def edited(one: Repository) -> None:
    one.write("src/app.py", "print(2)\n")


def staged(one: Repository) -> None:
    one.write("src/more.py", "")
    one.git("add", "src/more.py")


def deleted(one: Repository) -> None:
    (one.folder / "src" / "app.py").unlink()


def made_executable(one: Repository) -> None:
    (one.folder / "src" / "app.py").chmod(0o755)


def moved(one: Repository) -> None:
    one.git("mv", "src/app.py", "src/main.py")


CHANGES = (edited, staged, deleted, made_executable, moved)


def test_of_a_clean_tree_it_is_what_the_server_finds_at_the_commit(repository: Repository) -> None:
    assert repository.said() == {"tree": repository.served().tree, "names": ["Dockerfile"]}
    assert clean_commit(repository.file) == repository.git("rev-parse", "HEAD")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_counts_as_it_will_when_it_is_committed(
    repository: Repository, change: Callable[[Repository], None]
) -> None:
    before = repository.said()
    change(repository)
    said = repository.said()
    assert said is not None
    assert said != before
    assert clean_commit(repository.file) == ""
    repository.commit("-a")
    assert repository.served().tree == said["tree"]


def test_app_yaml_what_lies_elsewhere_and_what_git_does_not_know_do_not_count(repository: Repository) -> None:
    before = repository.said()
    repository.write("app.yaml", BUILT.replace("type: web", "type: web, port: 8080"))
    repository.write("other/file", "y")
    repository.write("src/untracked.py", "")
    assert repository.said() == before


@pytest.mark.parametrize("at", ["", "apps/shop"])
def test_an_app_yaml_inside_the_context_does_not_count_either(tmp_path: Path, at: str) -> None:
    one = Repository(tmp_path, BUILT.replace("context: src", "dockerfile: src/Dockerfile"), at)
    before = one.said()
    assert before == {"tree": one.served(".").tree, "names": ["src/Dockerfile"]}
    one.write("app.yaml", one.file.read_text().replace("type: web", "type: web, port: 8080"))
    assert one.said() == before
    one.write("src/app.yaml", "another one")
    one.git("add", "-A")
    assert one.said() != before


def test_an_app_in_a_folder_of_the_repository_is_found_from_there(tmp_path: Path) -> None:
    one = Repository(tmp_path, at="apps/shop")
    assert one.said() == {"tree": one.served().tree, "names": ["Dockerfile"]}


def test_without_a_dockerfile_the_names_at_the_top_are_said(repository: Repository) -> None:
    repository.git("rm", "-q", "src/Dockerfile")
    said = repository.said()
    assert said is not None
    assert said["names"] == ["app.py", "run", "页"]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_nothing_of_the_work_tree_or_its_repository_is_touched(
    repository: Repository, change: Callable[[Repository], None], tmp_path: Path
) -> None:
    hook = repository.write(".git/hooks/post-index-change", f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    change(repository)
    (tmp_path / "ran").unlink(missing_ok=True)
    before = repository.prints()
    repository.said()
    clean_commit(repository.file)
    assert repository.prints() == before
    assert not (tmp_path / "ran").exists(), "a program of the repository was run"


@pytest.mark.parametrize("text", ["appname: shop\ncomponents: {web: {type: web, image: 'x/y:1'}}\n", "a: [", ""])
def test_an_app_yaml_that_builds_nothing_has_no_context(repository: Repository, text: str) -> None:
    repository.write("app.yaml", text)
    assert repository.said() is None


def test_where_git_knows_nothing_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "app.yaml").write_text(BUILT)
    assert build_context(tmp_path / "app.yaml", BUILT, "app.yaml") is None
    assert clean_commit(tmp_path / "app.yaml") == ""


def test_the_files_that_app_yaml_names_are_sent_as_they_are_on_disk(tmp_path: Path) -> None:
    text = "appname: shop\ncomponents: {w: {type: daemon, files: {/x/a: {source: ./a}, /x/b: {source: gone}}}}\n"
    (tmp_path / "a").write_bytes(b"\0\xff")
    assert files_named(tmp_path / "app.yaml", text) == {"a": "AP8="}
    assert files_named(tmp_path / "app.yaml", BUILT) == {}
    (tmp_path / "a").write_bytes(bytes(512 * 1024))
    assert len(files_named(tmp_path / "app.yaml", text)["a"]) < 1_000_000
    (tmp_path / "gone").write_bytes(bytes(512 * 1024))
    with pytest.raises(McdError, match="Compare two commits without a server") as refused:
        files_named(tmp_path / "app.yaml", text)
    assert refused.value.code is Code.TOO_LARGE
