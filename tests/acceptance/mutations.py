"""Breaks what must not break, one after the other, in a copy of the tree: some test must fail, and is named.

Each mutation is a small patch. One that no longer applies is a miss, and so is one that no test notices. The tests are
first run on the copy as it is: a test that fails anyway proves nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.server import environment
from tests.acceptance.world import Ran, World, typed

_COPIED = (
    "mcd",
    "tests",
    "migrations",
    "scripts",
    "examples",
    "docs",
    "charts",
    "pyproject.toml",
    "Makefile",
    "README.md",
)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """A patch: `old` must be in the file exactly once. `tests` are pytest's words for those that should notice."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = {
    "uid": Mutation(
        "a delete without its UID precondition", "mcd/kube/apply.py",
        "await run.cluster.delete(entry.ref, entry.uid)",
        "await run.cluster.delete(entry.ref, uid_of(await run.cluster.get(entry.ref) or {'metadata': {}}))",
        ("tests/kube/test_prune.py", "tests/controllers"),
    ),
    "fence": Mutation(
        "a write without looking at the lease", "mcd/controllers/loop/fence.py",
        "if self.lost or asyncio.get_running_loop().time() >= self.deadline:", "if False:",
        ("tests/controllers", "tests/kube"),
    ),
    "lease": Mutation(
        "a record by whoever lost the lease", "mcd/store/leases.py",
        "mine = and_(table.c.id == lease.row_id, table.c.lease_token == lease.token)",
        "mine = and_(table.c.id == lease.row_id)",
        ("tests/store/test_leases.py",),
    ),
    "conflict": Mutation(
        "an object that is not ours is forced", "mcd/kube/inventory.py",
        "if not ours and (not terms.take_over or _owner(live) not in (\"\", terms.owner)):", "if False:",
        ("tests/kube",),
    ),
    "masking": Mutation(
        "an object is told with its secret values", "mcd/objects.py",
        "clean[field] = dict.fromkeys(clean[field], MASK)", "clean[field] = dict(clean[field])",
        ("tests/test_objects.py", "tests/api/test_diffs.py"),
    ),
    "masking-of-logs": Mutation(
        "a token stands in the log", "mcd/observability/logs.py",
        'text = _TOKEN.sub("mcd_pat_" + MASK, text)', "text = str(text)", ("tests/observability",),
    ),
    "authorize": Mutation(
        "everybody may do everything", "mcd/store/authorize.py",
        "    if may(actor, verb, product_line):", "    if True:", ("tests/store/test_access.py",),
    ),
    "pod-security": Mutation(
        "a pod may gain privileges", "mcd/appyaml/render/container.py",
        "\"allowPrivilegeEscalation\": False", "\"allowPrivilegeEscalation\": True", ("tests/appyaml",),
    ),
}  # fmt: skip


def _copy(world: World) -> Path:
    """A copy of the tree, made once and healed after each mutation."""
    copy: Path | None = world.kept.get("copy")
    if copy is None:
        copy = world.work / "copy"
        skipped = shutil.ignore_patterns("__pycache__", ".local", "*.pyc")
        copy.mkdir()
        for name in _COPIED:
            source = world.checkout / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=skipped)
            elif source.exists():
                shutil.copy(source, copy / name)
        world.kept["copy"] = copy
    return copy


def _tested(world: World, copy: Path, tests: Iterable[str], *more: str) -> Ran:
    """pytest in the copy, which is imported from its own folder."""
    words = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not cluster and not real_node", *more]
    words.append(f"--basetemp={copy.parent / 'pytest'}")
    env = environment({"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"})
    return typed([str(world.bin / "python"), "-m", "pytest", *words, *tests], env, copy, None, 400)


def _noticed(world: World, name: str) -> Seen:
    mutation = MUTATIONS[name]
    copy = _copy(world)
    path = copy / mutation.file
    text = path.read_text()
    if text.count(mutation.old) != 1:
        raise Miss(f"the mutation does not apply: {mutation.file} has its text {text.count(mutation.old)} times")
    try:
        path.write_text(text.replace(mutation.old, mutation.new))
        ran = _tested(world, copy, mutation.tests)
    finally:
        path.write_text(text)
    failed = _FAILED.search(ran.text)
    if ran.code != 1 or failed is None:
        raise Miss(f"no test noticed: {ran.said}")
    again = _tested(world, copy, [failed.group(1)])
    if again.code != 0:
        raise Miss(f"{failed.group(1)} fails without the mutation as well: {again.said}")
    return Seen(failed.group(1))


CHECKS = tuple(
    Check(
        f"mutations.{name}",
        f"{mutation.what} ({mutation.file}); pytest {' '.join(mutation.tests)}",
        "a test fails, by name, and passes without the mutation",
        lambda world, n=name: _noticed(world, n),
        900,
    )
    for name, mutation in MUTATIONS.items()
)
