"""P8: what it costs to turn app.yaml into objects, beside what PyYAML takes only to read the same text.

The measured entry is the one of `mcd render`: `check`, then `compile_app`, all checks on; then the canonical JSON of
each object and its hash, as the apply step sends them. Facts of the platform are given as values, as a server has them.
It must not keep anything of one compile for the next.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson  # a server has it loaded, and mcd.objects hashes with what is loaded
import yaml

from bench import meter
from mcd.appyaml.compiler import Compiled, Context, Source, check, compile_app
from mcd.appyaml.context import NO_CONTEXT, read_context
from mcd.errors import Severity
from mcd.infra.catalog import KINDS
from mcd.objects import content_hash, to_yaml
from mcd.observability.garbage import look_seldom

INPUTS = Path(__file__).parent / "inputs"
NAMES = ("small", "web", "typical", "full")
TARGET, HELD, PEER_TARGET, GUARD = 2.0, 4.0, 15.0, 1300.0
"""Of the time of events + compose: what was aimed at, and what MCD holds itself to (ADR 17). Of kustomize. Apps a
second of the App that the guard was written for."""
CALLS = 3.0
"""What MCD holds itself to in function calls, which no busy machine changes: so many times those of the bound."""
COMMIT = "3f2c1a9d5e8b7c6a4f0e1d2c3b4a59687f6e5d4c"
_Loader: Any = getattr(yaml, "CSafeLoader")  # noqa: B009 - absent from the types where libyaml may be absent
assert orjson


@dataclass(frozen=True)
class Input:
    """An app.yaml and what is known of its platform."""

    name: str
    text: bytes
    context: Context

    def compile(self) -> Compiled:
        return compile_app(check(self.text, "app.yaml"), self.context, Source(COMMIT))

    def hashed(self) -> list[str]:
        """The measured entry."""
        return [content_hash(obj) for obj in self.compile().objects]

    def rendered(self) -> str:
        """What `mcd render` prints."""
        return to_yaml(self.compile().objects)

    def read_only(self) -> None:
        """The bound: PyYAML's events of the text and its tree, in C, and nothing else."""
        for _ in yaml.parse(self.text, Loader=_Loader):
            pass
        yaml.compose(self.text, Loader=_Loader)


def read(name: str) -> Input:
    """An input of this folder. Raises ValueError when it is not accepted as it stands."""
    context = NO_CONTEXT
    facts = INPUTS / "context.yaml"
    if name != "small":
        found, problems = read_context(facts.read_bytes(), "context.yaml")
        if found is None:
            raise ValueError("\n".join(str(p) for p in problems))
        context = found
    context = replace(context, kinds=KINDS)
    one = Input(name, (INPUTS / f"{name}.yaml").read_bytes(), context)
    wrong = [str(p) for p in one.compile().problems if p.severity is Severity.ERROR]
    if wrong:
        raise ValueError("\n".join([f"bench/inputs/{name}.yaml:", *wrong]))
    return one


@dataclass(frozen=True)
class Cost:
    """One input: milliseconds of a compile (median), its ratio to the bound, and to the bound with YAML written too."""

    name: str
    bytes: int
    objects: int
    json_bytes: int
    ms: float
    bound_ms: float
    apps_per_second: float
    ratio: meter.Ratio
    ratio_with_yaml: meter.Ratio
    drift: float


def cost(one: Input, *, turns: int, seconds: float) -> Cost:
    made = one.compile().objects
    ours = meter.paired(one.hashed, one.read_only, turns=turns, seconds=seconds)
    written = meter.paired(one.rendered, one.read_only, turns=max(3, turns // 3), seconds=seconds)
    median, bound = _middle(ours.ours), _middle(ours.bound)
    size = sum(len(orjson.dumps(obj)) for obj in made)
    return Cost(
        one.name, len(one.text), len(made), size, median * 1000, bound * 1000, 1 / median,
        ours.ratio, written.ratio, ours.drift,
    )  # fmt: skip


def _middle(found: tuple[float, ...]) -> float:
    return sorted(found)[len(found) // 2]


@dataclass(frozen=True)
class Memory:
    """Bytes in memory after a tenth and after all of so many compiles."""

    compiles: int
    early: int
    late: int

    @property
    def flat(self) -> bool:
        return self.late - self.early < 1024 * 1024


def memory(one: Input, compiles: int) -> Memory:
    """Whether anything is kept of a compile."""
    early = 0
    for number in range(compiles):
        one.hashed()
        if number == compiles // 10:
            gc.collect()
            early = meter.resident()
    gc.collect()
    return Memory(compiles, early, meter.resident())


@dataclass(frozen=True)
class Peer:
    """`kubectl kustomize` on the same objects: processor milliseconds of one App more in the same process."""

    apps: tuple[int, int]
    ms: float
    objects_per_second: float
    ours_objects_per_second: float
    ratio: float


SIZES = ((5, 25), (10, 60))
"""Apps of a run: the few are taken off the many, and with them the start of the program. The cheaper pair counts."""


def kustomize(one: Input, kubectl: str) -> Peer:
    """Raises FileNotFoundError without the program, RuntimeError when it fails or builds other objects than ours."""
    made = one.compile().objects
    found = min((_slope(made, kubectl, few, many), few, many) for few, many in SIZES)
    seconds, few, many = found
    mine = meter.paired(one.rendered, one.read_only, turns=5, seconds=0.3)
    ours = len(made) / _middle(mine.ours)
    theirs = len(made) / seconds
    return Peer((few, many), seconds * 1000, theirs, ours, ours / theirs)


def _slope(made: Any, kubectl: str, few: int, many: int) -> float:
    """Processor seconds of one App more."""
    with tempfile.TemporaryDirectory() as folder:
        took = {count: _kustomized(made, kubectl, count, Path(folder) / str(count)) for count in (few, many)}
    return (took[many] - took[few]) / (many - few)


def _kustomized(made: Any, kubectl: str, count: int, folder: Path) -> float:
    folder.mkdir()
    for number in range(count):
        base = folder / f"a{number}"
        base.mkdir()
        (base / "objects.yaml").write_text(to_yaml(made))
        # Equal objects may not meet in one build, so each base says what is its own.
        (base / "kustomization.yaml").write_text(f'resources: [objects.yaml]\nnameSuffix: "-{number}"\n')
    names = ", ".join(f"a{number}" for number in range(count))
    (folder / "kustomization.yaml").write_text(f"resources: [{names}]\n")
    seconds, out = min(meter.process_seconds([kubectl, "kustomize", "."], folder) for _ in range(3))
    built = sum(1 for each in out.split(b"\n---\n") if each.strip())
    if built != count * len(made):
        raise RuntimeError(f"kustomize built {built} objects, not {count * len(made)}")
    return seconds


@dataclass(frozen=True)
class Result:
    """What `bench compile` found."""

    costs: tuple[Cost, ...]
    memory: Memory
    peer: Peer | None

    @property
    def typical(self) -> Cost:
        return next(each for each in self.costs if each.name == "typical")

    @property
    def ok(self) -> bool:
        near = self.typical.ratio.median <= HELD and self.memory.flat
        return near and self.peer is not None and self.peer.ratio >= PEER_TARGET

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P8", **asdict(self), "target": {"bound": TARGET, "held": HELD, "kustomize": PEER_TARGET},
            "guard": {"apps_per_second": GUARD}, "ok": self.ok,
        }  # fmt: skip


def run(*, turns: int, seconds: float, compiles: int, kubectl: str, say: Callable[[str], None]) -> Result:
    """The whole metric. `kubectl` is empty where it is not to be measured."""
    look_seldom()  # as `mcd serve` does, and so for the bound too
    inputs = [read(name) for name in NAMES]
    typical = next(one for one in inputs if one.name == "typical")
    costs = []
    for one in inputs:
        say(f"{one.name}: {len(one.text)} bytes, {turns} turns")
        costs.append(cost(one, turns=turns, seconds=seconds))
    say(f"memory: {compiles} compiles of typical")
    kept = memory(typical, compiles)
    peer = None
    if kubectl:
        say(f"kubectl kustomize on the same objects: {SIZES}")
        peer = kustomize(typical, kubectl)
    return Result(tuple(costs), kept, peer)
