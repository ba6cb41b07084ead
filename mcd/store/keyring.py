"""The keys under which secrets are kept: a file outside the database, newest key first.

Pure but for reading and writing that one file. It must not know a table; who loses this file loses the secrets, and
nothing here ever removes a key that is still there.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mcd.errors import Code, McdError

_KEY_BYTES = 32
_NONCE_BYTES = 12


class KeyMissing(Exception):
    """The key with this id is not in the ring."""


class SealBroken(Exception):
    """The sealed bytes are not what was sealed for this place."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One value at rest."""

    key_id: str
    nonce: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class KeyRing:
    """AES-256-GCM keys by id, in the order newest first. New values are sealed with the newest."""

    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    @property
    def newest(self) -> str:
        return self.keys[0][0]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(key_id for key_id, _ in self.keys)

    def seal(self, value: bytes, place: bytes) -> Sealed:
        """`place` is additional data: the same bytes are needed to open it, so that a row cannot be moved."""
        key_id, key = self.keys[0]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return Sealed(key_id, nonce, AESGCM(key).encrypt(nonce, value, place))

    def open(self, sealed: Sealed, place: bytes) -> bytes:
        """Raises KeyMissing, SealBroken."""
        key = dict(self.keys).get(sealed.key_id)
        if key is None:
            raise KeyMissing(sealed.key_id)
        try:
            return AESGCM(key).decrypt(sealed.nonce, sealed.sealed, place)
        except InvalidTag as error:
            raise SealBroken from error


def create_keyring(path: Path) -> KeyRing:
    """Makes the file with one key, mode 0600. Raises McdError: conflict when there is a file already (it is never
    overwritten), unavailable when it cannot be written."""
    ring = KeyRing((_new_key(()),))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise McdError(
            Code.CONFLICT,
            f"{path}: there is a key ring already.",
            "It is never overwritten: without it the stored secrets are lost.",
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(_text(ring))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    return ring


def add_key(path: Path) -> KeyRing:
    """Puts a new key in front of the ring, atomically. The old keys stay until no row needs them (`secrets.rotate`)."""
    old = read_keyring(path)
    ring = KeyRing((_new_key(old.ids), *old.keys))
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(_text(ring))
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return ring


def read_keyring(path: Path) -> KeyRing:
    """Raises McdError unavailable, reason KeyRingMissing or KeyRingUnreadable. No key is ever in a message."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise McdError(
            Code.UNAVAILABLE,
            f"{path}: there is no key ring.",
            "Put the file back from your backup; nothing that is stored was changed. "
            "A new installation makes one with `mcd admin migrate`.",
            reason="KeyRingMissing",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, "it cannot be read") from error
    try:
        parsed = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise _unreadable(path, "it is not JSON") from None
    keys: list[tuple[str, bytes]] = []
    for entry in parsed if isinstance(parsed, list) else ():
        key_id, encoded = entry if isinstance(entry, tuple) else ("", "")
        try:
            key = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
        except (binascii.Error, ValueError):
            key = b""
        if not key_id or len(key) != _KEY_BYTES or key_id in dict(keys):
            raise _unreadable(path, "each entry must be an id and a base64 key of 32 bytes, each id once")
        keys.append((key_id, key))
    if not keys:
        raise _unreadable(path, "it holds no key")
    return KeyRing(tuple(keys))


def exposed(path: Path) -> str:
    """A warning when others than the owner may read or change the file, or an empty text."""
    try:
        found = path.stat()
    except OSError:
        return ""
    mode = stat.S_IMODE(found.st_mode)
    # A Secret of Kubernetes is root's, and the pod reads it as its group: nobody else is in that.
    mounted = found.st_uid != os.geteuid() and found.st_gid in (os.getegid(), *os.getgroups())
    if not mode & (0o037 if mounted else 0o077):
        return ""
    return f"others on this machine may read the key ring (mode {mode:04o}). Run chmod 600 {path.name} in its folder."


def _new_key(taken: tuple[str, ...]) -> tuple[str, bytes]:
    while (key_id := f"k{secrets.token_hex(4)}") in taken:
        continue
    return key_id, secrets.token_bytes(_KEY_BYTES)


def _text(ring: KeyRing) -> str:
    return json.dumps({key_id: base64.b64encode(key).decode() for key_id, key in ring.keys}, indent=1) + "\n"


def _unwritable(path: Path, error: OSError) -> McdError:
    why = error.strerror or "it cannot be written"
    return McdError(
        Code.UNAVAILABLE,
        f"{path}: the key ring cannot be written: {why}.",
        "Make the folder and give this user the right to write there.",
        reason="KeyRingUnwritable",
    )


def _unreadable(path: Path, why: str) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        f"{path}: the key ring is not usable: {why}.",
        "Put the file back from your backup; nothing that is stored was changed.",
        reason="KeyRingUnreadable",
    )
