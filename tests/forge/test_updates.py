"""Which refs a push may move: the rule table, and what the answer looks like on the wire."""

from __future__ import annotations

import io

import pytest

from mcd.errors import McdError
from mcd.forge.updates import refusals
from mcd.forge.wire import FLUSH, ZERO, Answer, RefUpdate, advertise_push, parse_push
from tests.forge.packs import request

A, B = "a" * 40, "b" * 40
MAIN = "refs/heads/main"
HERE = {MAIN: A, "refs/heads/dev": A, "refs/heads/deep/er": A, "refs/tags/v1": A}


def why(old: str, new: str, ref: str) -> str:
    return refusals((RefUpdate(old, new, ref),), HERE, "main").get(ref, "")


@pytest.mark.parametrize(
    ("old", "new", "ref"),
    [(A, B, MAIN), (ZERO, B, "refs/heads/feature/x_1.2"), (ZERO, B, "refs/heads/修复"), (A, ZERO, "refs/heads/dev"),
     (A, B, "refs/tags/v1"), (ZERO, B, "refs/tags/v1.0.0-rc.1"), (ZERO, B, "refs/heads/#12"), (A, A, MAIN)],
)  # fmt: skip
def test_branches_and_tags_with_plain_names_may_move(old: str, new: str, ref: str) -> None:
    assert why(old, new, ref) == ""


@pytest.mark.parametrize(
    ("old", "new", "ref", "words"),
    [
        (A, ZERO, MAIN, "cannot be deleted"),
        (ZERO, ZERO, MAIN, "cannot be deleted"),
        (ZERO, ZERO, "refs/heads/none", "does not exist"),
        (ZERO, B, MAIN, "fetch first"),
        (B, A, MAIN, "fetch first"),
        (ZERO, B, "refs/heads/--upload-pack=x", "not allowed"),
        (ZERO, B, "refs/heads/a/-x", "not allowed"),
        (ZERO, B, "refs/heads/a\nb", "not allowed"),
        (ZERO, B, "refs/heads/a\x1b[31m", "not allowed"),
        (ZERO, B, "refs/heads/a\u202eb", "not allowed"),
        (ZERO, B, "refs/heads/\udcff", "not allowed"),
        (ZERO, B, "refs/heads/$(id)", "not allowed"),
        (ZERO, B, "refs/heads/../../config", "not allowed"),
        (ZERO, B, "refs/heads/a..b", "not allowed"),
        (ZERO, B, "refs/heads/x.lock", "not allowed"),
        (ZERO, B, "refs/heads/HEAD", "not allowed"),
        (ZERO, B, "refs/heads/", "not allowed"),
        (ZERO, B, "refs/heads/" + "x" * 300, "not allowed"),
        (ZERO, B, "HEAD", "only branches and tags"),
        (ZERO, B, "refs/mcd/x", "only branches and tags"),
        (ZERO, B, "refs/replace/" + A, "only branches and tags"),
        (ZERO, B, "refs/notes/x", "only branches and tags"),
        (ZERO, B, "refs/heads/main/below", "no name can lie below"),
        (ZERO, B, "refs/heads/deep", "names below it exist"),
    ],
)
def test_what_may_not_move_is_told_why(old: str, new: str, ref: str, words: str) -> None:
    assert words in why(old, new, ref)


def test_a_ref_named_twice_is_refused() -> None:
    twice = (RefUpdate(A, B, MAIN), RefUpdate(A, A, MAIN))
    assert "twice" in refusals(twice, HERE, "main")[MAIN]


def test_ten_thousand_refs_are_refused_each_with_one_line() -> None:
    many = tuple(RefUpdate(ZERO, B, f"refs/tags/t{n}") for n in range(10_000))
    refused = refusals(many, HERE, "main")
    assert len(refused) == 10_000
    assert set(refused.values()) == {"10000 refs in one push, at most 256"}


def test_a_repository_does_not_grow_past_its_limit_but_may_shrink() -> None:
    full = {f"refs/tags/t{n}": A for n in range(10)}
    assert refusals((RefUpdate(ZERO, B, "refs/tags/x"),), full, "main", (256, 10))
    assert not refusals((RefUpdate(A, ZERO, "refs/tags/t1"),), {**full, "refs/tags/x": A}, "main", (256, 10))
    assert not refusals((RefUpdate(A, B, "refs/tags/t1"),), full, "main", (256, 10))


def test_a_folder_cannot_become_a_branch_in_the_push_that_empties_it() -> None:
    # git keeps both names as files and would refuse the transaction after we had stored the wish.
    both = (RefUpdate(A, ZERO, "refs/heads/deep/er"), RefUpdate(ZERO, B, "refs/heads/deep"))
    assert "refs/heads/deep" in refusals(both, HERE, "main")


def test_a_request_is_read_up_to_its_pack() -> None:
    updates = [RefUpdate(ZERO, A, MAIN), RefUpdate(A, B, "refs/tags/v1")]
    body = request(updates, b"PACK...", "report-status push-options", ["product-line=base"])
    asked = parse_push(io.BytesIO(body))
    assert [u.ref for u in asked.updates] == [MAIN, "refs/tags/v1"]
    assert asked.options == ("product-line=base",)
    assert body[asked.pack_at :] == b"PACK..."
    assert parse_push(io.BytesIO(body[: asked.pack_at])).pack_at == -1


def test_the_probe_that_git_sends_first_asks_for_nothing() -> None:
    assert parse_push(io.BytesIO(FLUSH)).updates == ()


def test_more_commands_than_fit_are_too_large() -> None:
    with pytest.raises(McdError, match="more refs than fit"):
        parse_push(io.BytesIO(request([RefUpdate(ZERO, B, f"refs/tags/t{n}") for n in range(50_000)])))


def test_an_answer_escapes_what_a_terminal_would_obey() -> None:
    answer = Answer(side_band=True, report_status=True)
    assert b"\x1b" not in answer.line("a\x1b[31mb")[5:]
    sent = answer.report("ok", [("refs/heads/a\nb", "bad\nname")])
    assert sent.count(b"\n") == 2, "one line for unpack and one for the ref"


def test_a_client_without_side_band_gets_the_bare_report() -> None:
    answer = Answer(side_band=False, report_status=True)
    assert answer.line("x") == b""
    assert answer.report("ok", [(MAIN, "")]) == b"000eunpack ok\n0017ok refs/heads/main\n0000"
    assert Answer(side_band=True, report_status=False).report("ok", []) == b""


def test_a_report_longer_than_a_packet_is_cut_into_several() -> None:
    sent = Answer(side_band=True, report_status=True).report("ok", [(f"refs/tags/t{n}", "no") for n in range(10_000)])
    at = 0
    while at < len(sent):
        size = int(sent[at : at + 4], 16)
        assert 5 < size <= 65520
        assert sent[at + 4] == 1
        at += size
    assert at == len(sent)


def test_an_empty_repository_is_advertised_with_our_abilities() -> None:
    told = advertise_push([])
    assert b"capabilities^{}\0" in told
    assert b"push-options" in told
    assert told.endswith(FLUSH)
