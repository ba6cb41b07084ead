"""What MCD reads of a Dockerfile, and what it refuses, with file and line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcd.build import dockerfile
from mcd.errors import Code, McdError


def refusal(text: str, **arguments: str) -> str:
    with pytest.raises(McdError) as caught:
        dockerfile.stages(dockerfile.read(text), arguments)
    assert caught.value.code is Code.INVALID
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM scratch\nFRUM x\n", 'Dockerfile:2: there is no instruction "FRUM". Did you mean FROM?'),
        ("RUN ls\nFROM scratch\n", "Dockerfile:1: RUN stands before the first FROM. Only ARG may stand there."),
        ("", "Dockerfile:1: there is no FROM."),
        ("# nothing\n\n", "Dockerfile:1: there is no FROM."),
        ('{"a": 1}', "Dockerfile:1: there is no instruction"),
        ("FROM scratch\nENV\n", "Dockerfile:2: ENV says nothing."),
        ("FROM a b\n", 'Dockerfile:1: "FROM a b" cannot be read.'),
        ("FROM a AS\n", "cannot be read"),
        ("FROM a AS ../x\n", "is no stage name"),
        ("FROM $BASE\n", 'Dockerfile:1: "$BASE" has no value. Give it in build.args'),
        ("FROM scratch\nRUN <<EOF\nls\nEOF\n", "Dockerfile:2: the builder here does not know <<EOF."),
        ("FROM scratch\nRUN a\0b\n", "Dockerfile:2: a NUL byte."),
        ("FROM scratch\n\x1b[31mX y\n", 'Dockerfile:2: there is no instruction "\\x1b[31mX"'),
    ],
)
def test_what_is_no_dockerfile_is_refused_with_its_line(text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_file_over_the_limit_is_refused() -> None:
    assert "over 256 KiB" in refusal("FROM scratch\n" + "#" * dockerfile.LIMIT)


def test_continued_lines_keep_the_number_of_their_first() -> None:
    text = "FROM scratch\n\nRUN a \\\n  # a comment inside\n\n  && b\nCOPY x y\n"
    instructions = dockerfile.read(text)
    assert [(one.line, one.last, one.word) for one in instructions] == [(1, 1, "FROM"), (3, 6, "RUN"), (7, 7, "COPY")]
    assert instructions[1].text == "a && b"


def test_another_escape_character_is_obeyed() -> None:
    assert [one.line for one in dockerfile.read("# escape=`\nFROM scratch\nRUN a `\n b\\\nRUN c\n")] == [2, 3, 5]


@pytest.mark.parametrize(
    ("written", "arguments", "image"),
    [
        ("$B", {}, "one"),
        ("${B}:x", {}, "one:x"),
        ("$B", {"B": "two"}, "two"),
        ("${NONE:-three}", {}, "three"),
        ("${B:+four}", {}, "four"),
        ("a$UNDECLARED", {"UNDECLARED": "x"}, "a"),
    ],
)
def test_variables_of_from_come_from_arguments_over_defaults(
    written: str, arguments: dict[str, str], image: str
) -> None:
    found = dockerfile.stages(dockerfile.read(f'ARG B="one"\nFROM {written}\n'), arguments)
    assert found[0].image == image


def test_stages_and_scratch_are_not_fetched_and_everything_else_is() -> None:
    text = (
        "FROM golang:1 AS build\nCOPY --from=tools:2 /t /t\nRUN tool --from=notanimage\n"
        "RUN --mount=type=bind,from=mounted:3,target=/m ls\nFROM scratch\n"
        "COPY --from=build /x /x\nCOPY --from=0 /y /y\n"
        "FROM BUILD\n"
    )
    wanted = dockerfile.uses(dockerfile.stages(dockerfile.read(text), {}))
    assert [(use.image, use.line) for use in wanted] == [("golang:1", 1), ("tools:2", 2), ("mounted:3", 4)]


def test_a_stage_that_comes_later_is_an_image_here() -> None:
    wanted = dockerfile.uses(dockerfile.stages(dockerfile.read("FROM later\nFROM scratch AS later\n"), {}))
    assert [use.image for use in wanted] == ["later"]


def test_a_missing_target_names_the_stages() -> None:
    found = dockerfile.stages(dockerfile.read("FROM scratch AS one\nFROM scratch\n"), {})
    assert dockerfile.stage_of(found, "ONE").line == 1
    assert dockerfile.stage_of(found, "1").line == 2
    assert dockerfile.stage_of(found, "").line == 2
    with pytest.raises(McdError, match="there is no stage") as caught:
        dockerfile.stage_of(found, "tow")
    assert "The stages are: one." in str(caught.value)


def test_a_reference_is_replaced_where_it_stands_and_lines_keep_their_numbers() -> None:
    text = "FROM --platform=linux/amd64 \\\n  python AS python\nRUN python -V\nCOPY --from=python2 a b\n"
    changed = dockerfile.rewritten(text, {(1, 2, "python"): "r:5/base/python3.11", (4, 4, "python2"): "r:5/p:2"})
    assert changed.splitlines() == [
        "FROM --platform=linux/amd64 \\",
        "  r:5/base/python3.11 AS python",
        "RUN python -V",
        "COPY --from=r:5/p:2 a b",
    ]


def read_or_refused(text: str, **arguments: str) -> None:
    try:
        dockerfile.uses(dockerfile.stages(dockerfile.read(text), arguments))
    except McdError as error:
        said = error
    else:
        return
    assert said.code is Code.INVALID
    assert "\n" not in str(said)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    read_or_refused(text)


@given(
    st.lists(
        st.sampled_from(["FROM", "a", "AS", "RUN", "\\", "\n", "#", "$X", "${X:-y}", "ARG X=1", "--from=q"]),
        max_size=30,
    )
)
def test_any_words_are_read_or_refused_in_one_line(words: list[str]) -> None:
    read_or_refused(" ".join(words), X="z")
