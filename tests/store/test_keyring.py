"""The file of keys, as an operator leaves it behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcd.store.keyring import add_key, create_keyring, exposed


def test_keys_are_made_for_their_owner_alone_and_stay_so(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    create_keyring(file)
    assert exposed(file) == ""
    add_key(file)
    assert exposed(file) == ""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o777])
def test_keys_that_others_may_read_are_named_with_what_to_do(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "keys.json"
    create_keyring(file)
    file.chmod(mode)
    said = exposed(file)
    assert f"(mode {mode:04o})" in said
    assert "chmod 600 keys.json" in said
    assert str(tmp_path) not in said
