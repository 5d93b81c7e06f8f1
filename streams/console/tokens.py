"""Who may come in: names with a role, each with the hash of a token that was shown once.

A token is 256 random bits, so that no dictionary helps against its hash, and a slow hash would only slow down
the sign-in. The file is read again when it changes: who is taken out is out at the next request.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from streams.sources.opening import InputError

Role = Literal["viewer", "analyst"]
_MARK = "vigie_"
"""What a token begins with, so that who finds one knows what it is for."""
_NAME = re.compile(r"[\w.@ -]{1,64}")


class Person(NamedTuple):
    """Somebody who may come in."""

    name: str
    role: Role


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of one token."""

    name: str
    role: Role
    salt: str
    hash: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tokens: list[Entry] = []


class Tokens:
    """The tokens of a file, which need not be there.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When the file is there and cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._entries: list[Entry] = []
        self.entries()

    def entries(self) -> list[Entry]:
        """Those that are in force now."""
        try:
            look = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._seen, self._entries = None, []
            return []
        except OSError as problem:
            raise self._unreadable(problem) from None
        seen = look.st_ino, look.st_mtime_ns
        if seen != self._seen:
            self._entries = self._read()
            self._seen = seen
        return self._entries

    def owner(self, token: str) -> Person | None:
        """Whose token it is. All are compared, so that the time it takes says nothing."""
        found = None
        for entry in self.entries():
            if hmac.compare_digest(_hash(entry.salt, token), entry.hash):
                found = Person(entry.name, entry.role)
        return found

    def knows(self, person: Person) -> bool:
        """Whether somebody who came in may still be here, in that role."""
        return any((entry.name, entry.role) == person for entry in self.entries())

    def add(self, name: str, role: Role) -> str:
        """Let somebody in; returns the token, which is kept nowhere.

        Raises
        ------
        InputError
            When the name is taken, or is none.
        """
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is no name: take up to 64 letters, digits, spaces or . _ @ -")
        if any(entry.name == name for entry in self.entries()):
            raise InputError(f"{name} has a token already: first `vigie console token remove` it.")
        token, salt = _MARK + secrets.token_urlsafe(32), secrets.token_hex(16)
        self._write([*self.entries(), Entry(name, role, salt, _hash(salt, token))])
        return token

    def remove(self, name: str) -> None:
        """Let somebody in no more.

        Raises
        ------
        InputError
            When nobody has that name.
        """
        left = [entry for entry in self.entries() if entry.name != name]
        if len(left) == len(self.entries()):
            raise InputError(f"{name} has no token in {self._path}.")
        self._write(left)

    def _read(self) -> list[Entry]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File).tokens
        except OSError as problem:
            raise self._unreadable(problem) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise InputError(f"{self._path} is no file of tokens ({problem}): make it anew.") from None

    def _unreadable(self, problem: OSError) -> InputError:
        return InputError(f"The tokens in {self._path} cannot be read: {problem.strerror}.")

    def _write(self, entries: list[Entry]) -> None:
        """Put a new file, which only its owner may read, in the place of the old one."""
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_File(entries))) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as problem:
            raise InputError(f"The tokens cannot be written to {self._path}: {problem.strerror}.") from None
        self._seen = None


def _hash(salt: str, token: str) -> str:
    return hashlib.sha256(f"{salt}{token}".encode("utf-8", "surrogatepass")).hexdigest()
