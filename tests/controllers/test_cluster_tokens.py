"""MCD_CLUSTER_TOKENS: a process speaks to a cluster with the token in the file that bears the cluster's name."""

from __future__ import annotations

from pathlib import Path

from mcd.runtime import Runtime
from mcd.store import reads
from tests.controllers.world import ADMIN, World


async def test_the_token_of_a_cluster_is_in_the_file_of_its_name_and_read_again(here: World, tmp_path: Path) -> None:
    used: list[str] = []

    def connect(_kubeconfig: str, token: str) -> object:
        used.append(token)
        return here.kube

    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "local").write_text("first\n")
    settings = here.runtime.settings.model_copy(update={"cluster_tokens": tmp_path / "tokens"})
    known = here.runtime
    runtime = Runtime(
        settings, known.db, known.owner, connect=connect, clock=here.clock, compiler=known.compiler  # type: ignore[arg-type]
    )  # fmt: skip
    async with here.runtime.db.reading() as tx:
        cluster = await reads.cluster(ADMIN, tx, "local")
    await runtime.client(cluster)
    (tmp_path / "tokens" / "local").write_text("second\n")
    await runtime.client(cluster)
    await runtime.client(cluster)
    assert used == ["first", "second"]
