"""What every Forge must do, run against each implementation. A second one is one more entry of FORGES.

Here: bare repositories on disk, as MCD serves them and as a folder of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dulwich.objects import Tag
from dulwich.refs import Ref
from dulwich.repo import Repo

from mcd.errors import Code, McdError
from mcd.forge.beside import LARGEST, files_beside
from mcd.forge.forge import Forge
from mcd.forge.local import LocalForge
from tests.forge.written import Content, Files, Link, Module, Program, bare, commit, tree

Hosted = tuple[Forge, str, Repo]


def _mcd(root: Path) -> tuple[Forge, str, Path]:
    return LocalForge(root, "mcd"), "mcd:shop", root / "shop.git"


def _file(root: Path) -> tuple[Forge, str, Path]:
    return LocalForge(root, "file"), "file:team/shop", root / "team" / "shop"


FORGES: dict[str, Callable[[Path], tuple[Forge, str, Path]]] = {"mcd": _mcd, "file": _file}


@pytest.fixture(params=sorted(FORGES))
def hosted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hosted]:
    forge, name, where = FORGES[request.param](tmp_path / "root")
    with ExitStack() as stack:
        yield forge, name, stack.enter_context(bare(where))


async def refused(call: object, code: Code, *words: str) -> McdError:
    with pytest.raises(McdError) as caught:
        await call  # type: ignore[misc]
    assert caught.value.code is code, str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


SHOP: Files = {
    "app.yaml": b"appname: shop\n",
    "web/Dockerfile": b"FROM scratch\n",
    "web/run": Program(b"#!/bin/sh\n"),
    "web/static/a b.txt": b"x",
    "docs/说明.md": "你好".encode(),
}


async def test_a_branch_a_tag_and_a_commit_id_name_the_same_commit(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP, message=b"first\n\nwith a body")
    repo.refs[Ref(b"refs/tags/v1.0")] = repo.refs[Ref(b"refs/heads/main")]
    annotated = Tag()
    annotated.name, annotated.object, annotated.message = b"v1.1", (type(repo[first.encode()]), first.encode()), b""
    annotated.tagger, annotated.tag_time, annotated.tag_timezone = b"x <x>", 1, 0
    repo.object_store.add_object(annotated)
    repo.refs[Ref(b"refs/tags/v1.1")] = annotated.id
    for ref in ("main", "refs/heads/main", "HEAD", "v1.0", "v1.1", first, first[:9]):
        found = await forge.resolve(name, ref)
        assert found.id == first, ref
    assert found.title == "first"
    assert found.author == "Li Lei 李雷 <li@example.com>"
    assert found.committed_at.isoformat() == "2023-11-14T22:13:20+00:00"
    assert found.parents == ()


async def test_a_branch_is_read_anew_each_time(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    assert (await forge.resolve(name, "main")).id == first
    second = commit(repo, {"app.yaml": b"appname: shop2\n"}, parents=[first])
    assert (await forge.resolve(name, "main")).id == second
    assert (await forge.resolve(name, second)).parents == (first,)


async def test_what_is_not_there_is_not_found(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    for ref in ("dev", "1" * 40, "abcdef0", "refs/heads/dev"):
        await refused(forge.resolve(name, ref), Code.NOT_FOUND, ref)
    await refused(forge.read(name, "1" * 40, "app.yaml", limit=10), Code.NOT_FOUND)
    await refused(forge.read(name, first, "app.yml", limit=10), Code.NOT_FOUND, "app.yml")
    await refused(forge.read(name, first, "app.yaml/x", limit=10), Code.NOT_FOUND)
    await refused(forge.paths(name, first, "nowhere"), Code.NOT_FOUND, "nowhere")
    await refused(forge.resolve(name + "x", "main"), Code.NOT_FOUND)


async def test_a_tree_is_not_taken_for_a_commit(hosted: Hosted) -> None:
    forge, name, repo = hosted
    commit(repo, SHOP)
    root = tree(repo, {b"a": b"a"})
    await refused(forge.resolve(name, root.decode()), Code.INVALID, "does not name a commit")
    await refused(forge.read(name, root.decode(), "a", limit=10), Code.NOT_FOUND)


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=x",
        "-x",
        "",
        "a b",
        "a\nb",
        "a\0b",
        "$(id)",
        "..",
        "a..b",
        "refs/heads/--x",
        "x.lock",
        "a~1",
        "a^",
        "@{u}",
    ],
)
async def test_a_ref_that_git_or_a_shell_could_misread_is_refused(hosted: Hosted, ref: str) -> None:
    forge, name, repo = hosted
    commit(repo, SHOP)
    await refused(forge.resolve(name, ref), Code.INVALID)


@pytest.mark.parametrize(
    "repository",
    ["mcd:../x", "file:../x", "file:/etc", "ext::sh -c id", "https://example.com/x", "mcd:", "file:a//b",
     "mcd:.incoming", "file:-x", "mcd:a\n", "file:a/./b"],
)  # fmt: skip
async def test_a_repository_outside_the_folder_cannot_be_named(hosted: Hosted, repository: str) -> None:
    forge, _, _ = hosted
    await refused(forge.resolve(repository, "main"), Code.INVALID, "repository")


async def test_a_repository_that_links_out_of_the_folder_is_not_found(tmp_path: Path) -> None:
    with bare(tmp_path / "elsewhere.git") as repo:
        commit(repo, SHOP)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "shop.git").symlink_to(tmp_path / "elsewhere.git")
    await refused(LocalForge(tmp_path / "root", "file").resolve("file:shop", "main"), Code.NOT_FOUND)


async def test_a_file_is_read_as_it_was_at_the_commit(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    commit(repo, {"app.yaml": b"other"}, parents=[first])
    assert await forge.read(name, first, "app.yaml", limit=100) == b"appname: shop\n"
    assert await forge.read(name, first, "./docs/说明.md", limit=6) == "你好".encode()


async def test_a_file_over_the_limit_is_too_large(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    assert await forge.read(name, first, "app.yaml", limit=14)
    await refused(forge.read(name, first, "app.yaml", limit=13), Code.TOO_LARGE, "app.yaml", "14", "13")


async def test_a_symlink_or_submodule_is_never_read_nor_walked_through(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, {"app.yaml": Link(b"/etc/passwd"), "up": Link(b".."), "sub": Module(), "d/x": b"x"})
    await refused(forge.read(name, first, "app.yaml", limit=99), Code.INVALID, "symlink")
    await refused(forge.read(name, first, "sub", limit=99), Code.INVALID, "submodule")
    await refused(forge.read(name, first, "d", limit=99), Code.INVALID, "folder")
    await refused(forge.read(name, first, "up/app.yaml", limit=99), Code.NOT_FOUND)
    await refused(forge.read(name, first, "sub/app.yaml", limit=99), Code.NOT_FOUND)
    assert await forge.paths(name, first) == ["d/x"]


@pytest.mark.parametrize(
    "path",
    [
        "../app.yaml",
        "/app.yaml",
        "a/../app.yaml",
        "a//b",
        "a\\b",
        "a\0b",
        "a\n",
        ".git/config",
        "a/.GIT/x",
        "/",
        "a/" * 80 + "b",
    ],
)
async def test_a_path_that_could_leave_the_repository_is_refused(hosted: Hosted, path: str) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    assert (await refused(forge.read(name, first, path, limit=9), Code.INVALID)).reason == "PathNotAllowed"
    assert (await refused(forge.paths(name, first, path), Code.INVALID)).reason == "PathNotAllowed"


async def test_paths_lists_the_regular_files_below_a_folder_sorted(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    assert await forge.paths(name, first) == sorted(SHOP)
    for under in ("web", "./web", "web/"):
        assert await forge.paths(name, first, under) == ["web/Dockerfile", "web/run", "web/static/a b.txt"]
    await refused(forge.paths(name, first, "app.yaml"), Code.INVALID, "not a folder")


async def test_the_digest_of_a_folder_changes_when_and_only_when_a_file_below_it_does(hosted: Hosted) -> None:
    forge, name, repo = hosted

    async def digest(files: Files, under: str = "web", without: str = "") -> str:
        return await forge.tree_digest(name, commit(repo, files), under, without=without)

    first = await digest(SHOP)
    assert await digest({**SHOP, "app.yaml": b"other", "docs/more": b""}) == first
    assert await digest({**SHOP, "web/run": Program(b"#!/bin/bash\n")}) != first
    assert await digest({**SHOP, "web/run": b"#!/bin/sh\n"}) != first, "the executable bit counts"
    assert await digest({**SHOP, "web/new": b""}) != first
    assert await digest({**SHOP, "web/link": Link(b"run")}) != first
    moved = {k.replace("static/", "statics/"): v for k, v in SHOP.items()}
    assert await digest(moved) != first
    whole = await digest(SHOP, "", "app.yaml")
    assert await digest({**SHOP, "app.yaml": b"other"}, "", "app.yaml") == whole
    assert await digest({**SHOP, "web/app.yaml": b"other"}, "", "app.yaml") != whole
    assert await digest(SHOP, "") != whole
    apart = {f"other/{k}": v for k, v in SHOP.items()}
    assert await digest(apart, "other/web") == first, "where the folder lies does not count"


async def test_ancestry_is_decided_by_parents_and_not_by_clocks(hosted: Hosted) -> None:
    forge, name, repo = hosted
    root = commit(repo, SHOP, at=4_000_000_000)
    left = commit(repo, SHOP, parents=[root], at=1, message=b"left")
    right = commit(repo, SHOP, parents=[root], at=2, message=b"right")
    merge = commit(repo, SHOP, parents=[left, right], at=0)
    for ancestor in (root, left, right, merge):
        assert await forge.is_ancestor(name, ancestor, merge)
    assert not await forge.is_ancestor(name, left, right)
    assert not await forge.is_ancestor(name, merge, root)
    await refused(forge.is_ancestor(name, "1" * 40, merge), Code.NOT_FOUND)
    await refused(forge.is_ancestor(name, "main", merge), Code.INVALID)


async def test_a_long_history_is_walked(hosted: Hosted) -> None:
    forge, name, repo = hosted
    root = tip = commit(repo, SHOP, message=b"0")
    lone = commit(repo, SHOP, branch=None, message=b"lone")
    for number in range(1, 1500):
        tip = commit(repo, repo[root.encode()].tree, parents=[tip], branch=None, message=b"%d" % number)
    assert await forge.is_ancestor(name, root, tip)
    assert not await forge.is_ancestor(name, lone, tip)


async def test_export_writes_the_files_of_a_folder_with_their_bits(hosted: Hosted, tmp_path: Path) -> None:
    forge, name, repo = hosted
    first = commit(repo, {**SHOP, "web/latest": Link(b"static/a b.txt"), "web/static/up": Link(b"../run")})
    into = tmp_path / "build"
    into.mkdir()
    await forge.export(name, first, "web", into, limit=10_000)
    files = sorted(str(p.relative_to(into)) for p in into.rglob("*") if not p.is_dir())
    assert files == ["Dockerfile", "latest", "run", "static/a b.txt", "static/up"]
    assert (into / "latest").read_bytes() == b"x"
    assert (into / "static/up").read_bytes() == b"#!/bin/sh\n"
    assert (into / "run").stat().st_mode & 0o111 == 0o111
    assert (into / "Dockerfile").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../secret", b"sub/../../secret", b"in/..", b"../build/../x", b""])
async def test_export_refuses_a_symlink_that_leads_outside_and_names_it(
    hosted: Hosted, tmp_path: Path, target: bytes
) -> None:
    forge, name, repo = hosted
    first = commit(repo, {"web/link": Link(target), "web/in/x": b"x"})
    into = tmp_path / "build"
    into.mkdir()
    await refused(forge.export(name, first, "web", into, limit=10_000), Code.INVALID, "link")
    assert not (into / "link").is_symlink()


async def test_export_refuses_a_chain_of_links_that_climbs_out(hosted: Hosted, tmp_path: Path) -> None:
    # a/l leads to the root of the build, and a/l/.. would be the folder around it although the text looks harmless.
    forge, name, repo = hosted
    first = commit(repo, {"a/l": Link(b".."), "m": Link(b"a/l/../secret")})
    into = tmp_path / "build"
    into.mkdir()
    await refused(forge.export(name, first, "", into, limit=10_000), Code.INVALID, "symlink")


@pytest.mark.parametrize("name_of_file", [b"..", b".", b".git", b".GIT", b"", b"a" * 300])
async def test_export_writes_no_name_that_git_itself_would_refuse(
    hosted: Hosted, tmp_path: Path, name_of_file: bytes
) -> None:
    forge, name, repo = hosted
    inner = tree(repo, {b"x": b"x"})
    first = commit(repo, tree(repo, {name_of_file: (0o040000, inner), b"ok": b"ok"}))
    into = tmp_path / "build"
    into.mkdir()
    before = sorted(tmp_path.iterdir())
    await refused(forge.export(name, first, "", into, limit=10_000), Code.INVALID, "name")
    assert sorted(tmp_path.iterdir()) == before


async def test_export_never_writes_through_a_link_of_the_same_commit(hosted: Hosted, tmp_path: Path) -> None:
    forge, name, repo = hosted
    inner = tree(repo, {b"x": b"planted"})
    first = commit(repo, tree(repo, {b"d/": Link(b"in"), b"d": (0o040000, inner), b"in": (0o040000, inner)}))
    into = tmp_path / "build"
    into.mkdir()
    await refused(forge.export(name, first, "", into, limit=10_000), Code.INVALID)


async def test_export_refuses_submodules_too_much_and_folders_that_are_not_empty(
    hosted: Hosted, tmp_path: Path
) -> None:
    forge, name, repo = hosted
    first = commit(repo, {"web/lib": Module(), "web/a": b"a" * 5000})
    into = tmp_path / "build"
    into.mkdir()
    await refused(forge.export(name, first, "web", into, limit=100), Code.TOO_LARGE, "100")
    for left in into.iterdir():
        left.unlink()
    await refused(forge.export(name, first, "web", into, limit=10_000), Code.INVALID, "web/lib is a submodule")
    (into / "old").touch()
    await refused(forge.export(name, first, "web", into, limit=10_000), Code.INVALID, "empty")


async def test_a_tree_that_names_itself_a_billion_times_is_too_large(hosted: Hosted, tmp_path: Path) -> None:
    forge, name, repo = hosted
    current = tree(repo, {b"f": b"f"})
    for _ in range(9):
        current = tree(repo, {b"d%d" % n: (0o040000, current) for n in range(10)})
    first = commit(repo, current)
    await refused(forge.paths(name, first), Code.TOO_LARGE)
    await refused(forge.tree_digest(name, first, ""), Code.TOO_LARGE)
    (tmp_path / "build").mkdir()
    await refused(forge.export(name, first, "", tmp_path / "build", limit=1000), Code.TOO_LARGE)


async def test_a_tree_deeper_than_the_limit_is_too_large(hosted: Hosted) -> None:
    forge, name, repo = hosted
    current = tree(repo, {b"f": b"f"})
    for _ in range(100):
        current = tree(repo, {b"d": (0o040000, current)})
    await refused(forge.paths(name, commit(repo, current)), Code.TOO_LARGE)


async def test_a_name_that_is_not_text_is_left_out_of_paths_and_counted_in_the_digest(hosted: Hosted) -> None:
    forge, name, repo = hosted
    plain = commit(repo, tree(repo, {b"a": b"a"}))
    odd = commit(repo, tree(repo, {b"a": b"a", b"\xff\xfe": b"b"}))
    assert await forge.paths(name, odd) == ["a"]
    assert await forge.tree_digest(name, odd, "") != await forge.tree_digest(name, plain, "")


async def test_texts_of_a_commit_are_one_printable_line_each(hosted: Hosted) -> None:
    forge, name, repo = hosted
    commit(repo, SHOP, message=b"\x1b]0;owned\x07 \0 \xe2\x80\xae " + b"x" * 1000 + b"\nmore", at=2**62)
    found = await forge.resolve(name, "main")
    assert found.title.isprintable()
    assert len(found.title) < 260
    assert found.committed_at.tzinfo is not None


async def test_a_damaged_repository_is_unavailable_in_one_line(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    objects = Path(repo.path) / "objects"
    for file in [p for p in objects.rglob("*") if p.is_file()]:
        file.chmod(0o644)
        file.write_bytes(b"garbage")
    await refused(forge.read(name, first, "app.yaml", limit=99), Code.UNAVAILABLE, "cannot be read")


async def test_what_differs_between_two_commits_is_named_by_file(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    more: dict[str, Content] = {
        **SHOP,
        "app.yaml": b"appname: other\n",
        "web/run": b"#!/bin/sh\n",
        "docs/new/deep.md": b"x",
        "docs/link": Link("说明.md".encode()),
    }
    del more["web/static/a b.txt"]
    second = commit(repo, more)
    both = ["app.yaml", "docs/link", "docs/new/deep.md", "web/run", "web/static/a b.txt"]
    assert await forge.changed(name, first, second) == both
    assert await forge.changed(name, second, first) == both
    assert await forge.changed(name, first, first) == []


async def test_a_file_that_becomes_a_folder_is_named_with_all_that_is_in_it(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, {"a": b"x", "b": b"x"})
    second = commit(repo, {"a/c": b"x", "a/d": b"x", "b": b"x"})
    assert await forge.changed(name, first, second) == ["a", "a/c", "a/d"]


async def test_a_commit_that_is_not_there_differs_from_nothing(hosted: Hosted) -> None:
    forge, name, repo = hosted
    first = commit(repo, SHOP)
    await refused(forge.changed(name, "0" * 40, first), Code.NOT_FOUND)


async def test_a_tree_that_holds_itself_many_times_is_not_walked_to_the_end(hosted: Hosted) -> None:
    forge, name, repo = hosted
    small = commit(repo, {"x": b"x"})
    inner = tree(repo, {b"leaf": b"x"})
    for _ in range(10):
        inner = tree(repo, {b"d%d" % number: (0o040000, inner) for number in range(10)})
    bomb = commit(repo, inner)
    assert await forge.changed(name, small, bomb) is None
    assert await forge.changed(name, bomb, bomb) == []


async def test_the_files_beside_an_app_yaml_are_read_at_its_commit(hosted: Hosted) -> None:
    forge, name, repo = hosted
    files: Files = {
        "svc/app.yaml": b"x",
        "svc/a": bytes(range(256)),
        "svc/sub/b": b"b",
        "a": b"of the root",
        "svc/link": Link(b"a"),
        "svc/out": Link(b"../a"),
        "svc/linked": Link(b"sub"),
        "svc/module": Module(),
        "svc/big": bytes(LARGEST + 1),
        "svc/limit": bytes(LARGEST),
    }
    at = commit(repo, files)
    commit(repo, {"svc/a": b"of a later commit"})
    absent = ["gone", "link", "linked/b", "module", "out", "sub", "sub/b/c"]
    paths = [*absent, "a", "big", "limit", "sub/b", "x" * 600, "\x1b[31m"]
    found = dict(await files_beside(forge, name, at, "svc/app.yaml", paths))
    assert [len(found.pop(path) or b"") for path in ("limit", "big")] == [LARGEST, LARGEST + 1]
    assert found == {**dict.fromkeys(absent), "a": bytes(range(256)), "sub/b": b"b"}


async def test_no_more_is_held_than_a_release_may_name(hosted: Hosted) -> None:
    forge, name, repo = hosted
    at = commit(repo, {"f": bytes(LARGEST), "g": b"1"})
    assert len(await files_beside(forge, name, at, "app.yaml", ["f"] * 32)) == 1
    await refused(files_beside(forge, name, at, "app.yaml", [*["f"] * 32, "g"]), Code.TOO_LARGE, "16 MiB")
