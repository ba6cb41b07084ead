"""docs/how-to/build.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from mcd.build.buildah import BuildLimits
from mcd.build.builder import BuildRequest
from mcd.build.images import BASES, RUNTIMES
from mcd.build.output import LINE_BYTES, TOTAL_BYTES
from mcd.build.storage import Keep
from mcd.store.leases import LOG_LINES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "build.md").read_text()


def test_every_base_and_runtime_is_in_the_page() -> None:
    for name in BASES:
        assert f"`FROM mcd/{name}`" in PAGE
    for name in RUNTIMES:
        assert f"`runtime: {name}`" in PAGE


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    limits, keep = BuildLimits(), Keep()
    gib = 1024**3
    assert BuildRequest.__dataclass_fields__["timeout"].default == 15 * 60
    assert f"| image, unpacked | {limits.image // gib} GiB |" in PAGE
    assert f"| disk that stays free | {limits.free // gib} GiB |" in PAGE
    assert f"| builds at one time | {limits.parallel} per process |" in PAGE
    whole = f"{TOTAL_BYTES // 1024**2} MiB and {LOG_LINES:,} lines in all"
    assert f"| log | {LINE_BYTES // 1024} KiB a line, {whole} |" in PAGE
    assert keep.seconds == 7 * 86400
    assert f"more than {keep.size // gib} GiB" in PAGE
