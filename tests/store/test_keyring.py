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


def test_a_mounted_secret_is_read_by_the_group_of_the_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes gives it to root and the group of the pod: 0440 there is as private as 0600 here."""
    file = tmp_path / "keys.json"
    create_keyring(file)
    file.chmod(0o440)
    owner = file.stat()
    monkeypatch.setattr("os.geteuid", lambda: owner.st_uid + 1)
    monkeypatch.setattr("os.getegid", lambda: owner.st_gid)
    assert exposed(file) == ""
    file.chmod(0o444)
    assert "(mode 0444)" in exposed(file)
    file.chmod(0o440)
    monkeypatch.setattr("os.getegid", lambda: owner.st_gid + 1)
    monkeypatch.setattr("os.getgroups", list)
    assert "(mode 0440)" in exposed(file), "the group is somebody else's"
