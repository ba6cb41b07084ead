"""Watching a Rollout: news once, and a line when there was none for long."""

from __future__ import annotations

import io

from mcd.cli.output import Progress
from mcd.cli.streams import messages
from mcd.cli.watch import Watcher

WAITING = {"state": "progressing", "reason": "Progressing", "message": "web: 0/1 ready.", "components": []}


def test_half_a_minute_without_news_is_one_line_and_news_start_it_again() -> None:
    now, out = [0.0], io.StringIO()
    watcher = Watcher(Progress(stream=out), 600, lambda: True, clock=lambda: now[0])
    watcher.rollout(WAITING)
    for seconds in (15, 29, 30, 45, 59, 60):
        now[0] = seconds
        watcher.beat()
    said = [line for line in out.getvalue().splitlines() if line.startswith("still waiting")]
    assert said == [
        f"still waiting, {time} of at most 10m: web: 0/1 ready; the old version answers. "
        "Ctrl-C stops the watching only."
        for time in ("30s", "1m")
    ]
    now[0] = 80
    watcher.rollout({**WAITING, "message": "web: it is pulled."})
    now[0] = 95
    watcher.beat()
    assert out.getvalue().count("still waiting") == 2
    now[0] = 110
    watcher.beat()
    assert "1m50s of at most 10m: web: it is pulled;" in out.getvalue()


def test_an_app_that_never_ran_has_no_old_version() -> None:
    now, out = [0.0], io.StringIO()
    watcher = Watcher(Progress(stream=out), 600, lambda: False, clock=lambda: now[0])
    watcher.rollout(WAITING)
    now[0] = 31
    watcher.beat()
    assert "still waiting, 31s of at most 10m: web: 0/1 ready. Ctrl-C" in out.getvalue()


def test_a_comment_of_the_stream_is_a_sign_of_life() -> None:
    assert [heard.kind for heard in messages([": beat", "", "event: end", "data: {}", ""])] == ["beat", "end"]
