"""Clean lines out of anything, and sentences out of failures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcd.build import dockerfile
from mcd.build.output import Failure, Lines, clean, explain
from mcd.errors import Code


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_no_control_character_comes_through_whatever_the_chunks(chunks: list[bytes]) -> None:
    lines = Lines(line_bytes=64, total_bytes=2000)
    out = [line for chunk in chunks for line in lines.feed(chunk)] + lines.close()
    for line in out:
        assert line.isprintable() or line == ""
        assert len(line) <= 64 * 4 + 10 or line.startswith("…")


def test_colours_titles_and_redrawn_lines_are_gone() -> None:
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07end") == "red end"
    assert clean("10%\r50%\r100%") == "100%"
    assert clean("a\u202eb\x00c") == "a�b�c"


def test_a_password_in_an_address_is_masked() -> None:
    assert clean("Looking in https://me:secret@index.example/simple") == "Looking in https://***@index.example/simple"


def test_lines_are_the_same_however_the_bytes_arrive() -> None:
    data = "ärger\r\nzwei\nloading 1\rloading 2\nend".encode()
    whole, single = Lines(), Lines()
    expected = whole.feed(data) + whole.close()
    assert expected == ["ärger", "zwei", "loading 2", "end"]
    assert [line for byte in data for line in single.feed(bytes([byte]))] + single.close() == expected


def test_a_long_line_is_cut_and_said_to_be() -> None:
    lines = Lines(line_bytes=10)
    assert lines.feed(b"x" * 50 + b"\nshort\n") == ["x" * 10 + " … (cut)", "short"]


def test_the_rest_of_an_endless_log_is_dropped_with_a_note_and_the_tail_is_kept() -> None:
    lines = Lines(total_bytes=100)
    out = lines.feed(b"0123456789\n" * 50 + b"the last word\n")
    assert len(out) < 15
    assert out[-1] == "… the rest of the output is not kept: it is over the limit."
    assert lines.tail[-1] == "the last word"


TEXT = "ARG A=1\nFROM mcd/python3.11 AS one\nCOPY a /a\nRUN \\\n  make\nFROM one\nRUN make all\n"


def failure(code: int, *tail: str) -> Failure:
    stages = dockerfile.stages(dockerfile.read(TEXT), {})
    return Failure(code, tail, "Dockerfile", stages, {"r:5/base/python3.11": 2, "r:5/x:1": 3}, "r:5")


@pytest.mark.parametrize(
    ("tail", "code", "said"),
    [
        (
            [
                "[2/2] STEP 2/2: RUN make all",
                "cc x.c",
                "x.c:1: bad",
                'Error: building at STEP "RUN make all": exit status 2',
            ],
            Code.INVALID,
            'Dockerfile:7: step 2 of 2 (RUN make all) ended with exit code 2. Last lines: "cc x.c / x.c:1: bad".',
        ),
        (
            ["[1/2] STEP 3/3: RUN make", 'Error: building at STEP "RUN make": while running runtime: exit status 3'],
            Code.INVALID,
            "Dockerfile:4: step 3 of 3 (RUN make) ended with exit code 3. It said nothing.",
        ),
        (
            ["STEP 3/3: RUN make", "ERROR: no such package", 'Error: building at STEP "RUN make": exit status 1'],
            Code.INVALID,
            'Last lines: "ERROR: no such package".',
        ),
        (
            [
                "STEP 2/2: COPY a /a",
                'Error: building at STEP "COPY a /a": checking on sources under "/tmp/x": copier: stat: '
                '"/a": no such file or directory',
            ],
            Code.INVALID,
            'Dockerfile:3: step 2 of 2 (COPY a /a): there is no "a" in the build context.',
        ),
        (
            [
                "STEP 3/3: RUN make",
                "process failed to start with error: fork/exec /bin/sh: no such file or directory",
                'Error: building at STEP "RUN make": exit status 1',
            ],
            Code.INVALID,
            "found no such program in the image",
        ),
        (
            ["Error: writing blob: write /var/tmp/x: no space left on device"],
            Code.UNAVAILABLE,
            "disk of the builder is full",
        ),
        (
            [
                "Error: creating build container: initializing source docker://r:5/base/python3.11:latest: "
                "reading manifest latest in r:5/base/python3.11: manifest unknown: manifest unknown"
            ],
            Code.UNAVAILABLE,
            "Dockerfile:2: the base image r:5/base/python3.11:latest is not in the registry.",
        ),
        (
            [
                "Error: creating build container: initializing source docker://r:5/x:1: reading manifest 1 in "
                "r:5/x: manifest unknown"
            ],
            Code.INVALID,
            "Dockerfile:3: r:5/x:1 cannot be fetched.",
        ),
        (
            [
                "Error: creating build container: initializing source docker://r:5/x:1: pinging container "
                'registry r:5: Get "http://r:5/v2/": dial tcp r:5: connect: connection refused'
            ],
            Code.UNAVAILABLE,
            "its registry does not answer",
        ),
        (
            ["STEP 1/1: FROM x", "Error: something new in /var/tmp/buildah123/x"],
            Code.INVALID,
            "something new in (build folder)",
        ),
        ([], Code.INVALID, "the builder ended with 3"),
        (["unshare: unshare failed: Operation not permitted"], Code.UNAVAILABLE, "may not make namespaces here"),
        (["STEP 2/2: RUN x", "unshare: unshare failed"], Code.INVALID, "step 2 of 2"),
    ],
)
def test_each_way_to_fail_has_its_sentence(tail: list[str], code: Code, said: str) -> None:
    error = explain(failure(3, *tail))
    assert error.code is code
    assert said in str(error)
    assert "\n" not in str(error)


def test_hostile_output_cannot_forge_the_place_outside_the_file() -> None:
    error = explain(failure(1, "STEP 99/99: RUN rm -rf /", 'Error: building at STEP "x": exit status 1'))
    assert str(error).startswith("Dockerfile: step 99 of 99")


def test_the_step_is_known_however_much_was_said_after_it() -> None:
    lines = Lines(total_bytes=1000)
    for data in (b"STEP 1/3: FROM x\n", b"x\n" * 5000, b"STEP 2/3: RUN a\n" + b"y\n" * 5000, b"z\n" * 50 + b"last\n"):
        lines.feed(data)
    assert lines.ending()[0] == "STEP 2/3: RUN a"
    assert lines.ending()[-1] == "last"
    assert len(lines.ending()) <= 41
