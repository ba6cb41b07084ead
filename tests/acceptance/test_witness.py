"""The witness reads whole lines only, wherever its mark fell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.witness import Witness


def _line(name: str) -> bytes:
    event = {
        "stageTimestamp": "2026-11-22T10:00:00Z",
        "user": {"username": "mcd"},
        "verb": "patch",
        "objectRef": {"resource": "services", "namespace": "demo", "name": name},
        "responseStatus": {"code": 201},
    }
    return json.dumps(event).encode() + b"\n"


@pytest.mark.parametrize("written", [0, 1, 20, len(_line("before")) - 1, len(_line("before"))])
def test_what_was_being_written_at_the_mark_is_not_asked_for(tmp_path: Path, written: int) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(_line("first") + _line("before")[:written])
    mark = Witness(log).mark()
    log.write_bytes(_line("first") + _line("before") + _line("after") + _line("unended")[:10])
    wanted = ["after"] if written else ["before", "after"]
    assert [fact.name for fact in Witness(log).since(mark)] == wanted


def test_a_log_that_is_shorter_than_the_mark_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(_line("new"))
    assert [fact.name for fact in Witness(log).since(10_000)] == ["new"]
