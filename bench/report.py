"""Results on disk, and the tables of docs/benchmarks.md that are made from them.

It must not measure.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.compile import Result

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BEHIND_THE_PAGE = ROOT / "bench" / "page"
"""The results that the tables of the page were made from, one for each table, kept in git."""
_BEGIN, _END = "<!-- made by python -m bench: begin {} -->", "<!-- made by python -m bench: end {} -->"


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.machine())
    return {
        "commit": _git("rev-parse", "--short=12", "HEAD"), "python": platform.python_version(),
        "cores": os.cpu_count(), "cpu": model, "load1": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip() or "unknown"


def keep(facts: dict[str, Any], metric: str, folder: Path) -> Path:
    """Writes a result and answers where."""
    place = folder / f"{facts['commit']}-{facts['at'].replace(':', '')}"
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{metric}.json"
    file.write_text(_json(facts))
    return file


def _json(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def compile_table(result: Result) -> str:
    """The table that a person reads."""
    rows = [
        "| app.yaml | bytes | objects | a compile | events + compose | ratio (95 %) | Apps/s | ratio with YAML |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {c.name} | {c.bytes:,} | {c.objects} | {c.ms:.2f} ms | {c.bound_ms:.2f} ms | **{c.ratio.median:.2f}** "
        f"({c.ratio.low:.2f} to {c.ratio.high:.2f}) | {c.apps_per_second:,.0f} | {c.ratio_with_yaml.median:.2f} |"
        for c in result.costs
    ]
    kept = result.memory
    rows += ["", f"Memory after {kept.compiles // 10:,} compiles {kept.early / 2**20:.1f} MiB, after {kept.compiles:,} "
             f"{kept.late / 2**20:.1f} MiB."]  # fmt: skip
    if result.peer is not None:
        p = result.peer
        said = (
            f"{p.objects_per_second:,.0f} objects a second; MCD from app.yaml to YAML {p.ours_objects_per_second:,.0f}"
        )
        rows += ["", "`kubectl kustomize` in one process, the same objects from YAML to YAML: "
                 f"{said}: **{p.ratio:.0f} times** as many."]  # fmt: skip
    return "\n".join(rows)


def write_page(name: str, table: str, facts: dict[str, Any], page: Path = PAGE) -> None:
    """Puts a table between its two marks, and its result beside. Raises ValueError when the page has lost them."""
    begin, end = _BEGIN.format(name), _END.format(name)
    text = page.read_text()
    if begin not in text or end not in text:
        raise ValueError(f"{page.name} has no place for {name}: it needs {begin} and {end}")
    head, _, rest = text.partition(begin)
    tail = rest.partition(end)[2]
    where = facts.get("where", "one core of")
    on = f"Commit {facts['commit']}, {facts['at'][:10]}, Python {facts['python']}, {where} {facts['cpu']}."
    page.write_text(f"{head}{begin}\n{on}\n\n{table}\n{end}{tail}")
    behind = BEHIND_THE_PAGE if page == PAGE else page.parent
    behind.mkdir(exist_ok=True)
    (behind / f"{name}.json").write_text(_json(facts))
