"""The command starts as fast as its libraries allow: measured side by side, in the same run."""

from __future__ import annotations

import subprocess

from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.server import environment
from tests.acceptance.world import World

ROUNDS, ROUNDS_IN_SLICE = 9, 5


def ratios(world: World) -> Seen:
    rounds = str(ROUNDS_IN_SLICE if world.kept.get("slice") else ROUNDS)
    done = subprocess.run(
        [world.bin / "python", "scripts/bench_startup.py", "--rounds", rounds, "--limit", "1.5"],
        cwd=world.checkout, env=environment({}), capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()[1:]]
    if done.returncode != 0:
        raise Miss(f"{'; '.join(lines)} {done.stderr.strip()[-200:]} [exit {done.returncode}]")
    return Seen(f"{'; '.join(lines)} [exit 0] (command, libraries alone, ratio)")


CHECKS = (
    Check("startup", "mcd status shop; mcd app list; mcd validate",
          "each within 1.5 x of importing its libraries alone, same run", ratios, 250),
)  # fmt: skip
