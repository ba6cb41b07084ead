"""What becomes of a command that a cluster could not start, from the words of real runtimes."""

from __future__ import annotations

import json

import pytest

from mcd.kube.streams import ended

BEFORE = (
    "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "
    '"6b59": OCI runtime exec failed: exec failed: unable to start container process: '
)


def failure(message: str, **details: object) -> bytes:
    return json.dumps({"status": "Failure", "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ('exec: "nosuch": executable file not found in $PATH: unknown', 127,
         'there is no program "nosuch" in the container web.'),
        ('exec: "nosuch": stat nosuch: no such file or directory: unknown', 127,
         'there is no program "nosuch" in the container web.'),
        ('exec: "nosuch": permission denied: unknown', 126,
         'the program "nosuch" in the container web may not be executed.'),
    ],
)  # fmt: skip
def test_a_program_that_cannot_be_started_is_named_with_a_shells_exit_code(said: str, code: int, words: str) -> None:
    assert ended(failure(BEFORE + said), "nosuch", "web") == (code, words)


def test_of_what_nobody_has_met_yet_the_end_is_told_because_the_cause_stands_there() -> None:
    code, words = ended(failure(BEFORE * 3 + "the moon is in the way"), "nosuch", "web")
    assert (code, words.endswith("the moon is in the way")) == (126, True)


def test_the_exit_code_of_a_command_that_ran_is_its_own() -> None:
    assert ended(b'{"status": "Success"}', "true", "web") == (0, "")
    ran = failure("command terminated with exit code 3", causes=[{"reason": "ExitCode", "message": "3"}])
    assert ended(ran, "sh", "web") == (3, "")


@pytest.mark.parametrize("raw", [b"", b"[]", b"nothing", b'{"details": {"causes": [3]}}'])
def test_an_answer_that_cannot_be_read_is_no_success(raw: bytes) -> None:
    code, words = ended(raw, "sh", "web")
    assert (code, "could not be run" in words) == (126, True)
