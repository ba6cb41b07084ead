"""A trace goes through MCD: who began it finds it in our log and at the API servers, and nonsense begins a new one."""

from __future__ import annotations

import pytest

from mcd.observability import tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_trace_is_gone_on_with_under_a_span_of_our_own() -> None:
    here = tracing.place(f"00-{TRACE}-{SPAN}-01")
    assert (here.trace_id, here.sampled) == (TRACE, True)
    assert here.span_id != SPAN
    assert here.header == f"00-{TRACE}-{here.span_id}-01"


def test_a_version_of_the_future_is_read_as_far_as_it_is_known() -> None:
    assert tracing.place(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like").trace_id == TRACE


@pytest.mark.parametrize(
    "given",
    [
        "", "garbage", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n", f"00-{TRACE}-{SPAN}-0g", "00-" + "a" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_traceparent_begins_a_trace_that_nobody_asked_to_keep(given: str) -> None:
    here = tracing.place(given)
    assert here.trace_id != TRACE
    assert tracing.place(here.header).trace_id == here.trace_id
    assert here.header.endswith("-00")


def test_only_what_is_done_within_a_place_is_sent_with_it() -> None:
    here = tracing.place()
    assert tracing.outgoing() == {}
    with tracing.within(here):
        assert tracing.outgoing() == {"traceparent": here.header}
        with tracing.within(tracing.place()):
            assert tracing.outgoing() != {"traceparent": here.header}
        assert tracing.outgoing() == {"traceparent": here.header}
    assert tracing.outgoing() == {}
