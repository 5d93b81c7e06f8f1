"""The door: where posts come in and, if the room wants it, accounts lose their names.

The key is 64 random bytes in a file that only its owner may read. Who has the data and not the key has
pseudonyms; who has both can open them. So the two belong on different machines, or at least to different
users: `vigie worker` needs no key.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from streams.privacy_settings import PrivacySettings
from streams.pseudonyms import KEY_BYTES, Pseudonyms
from streams.sources.opening import InputError
from streams.telling import say

_MARK = "vigie-key-1:"
"""What a key begins with, so that no other file is taken for one by mistake."""


def door(privacy: PrivacySettings) -> Pseudonyms | None:
    """What posts and lists pass before anything is kept of them; None where accounts keep their names.

    Raises
    ------
    InputError
        When there is no key.
    """
    return opener(privacy) if privacy.pseudonyms else None


def opener(privacy: PrivacySettings) -> Pseudonyms:
    """The pseudonyms under the room's key, whether or not posts get them at present.

    Raises
    ------
    InputError
        When there is no key.
    """
    if privacy.key:
        return Pseudonyms(_key(privacy.key, "privacy.key"), posts=privacy.posts)
    if not privacy.key_file:
        raise InputError(
            "Pseudonyms need a key: make one with `vigie privacy key FILE`, and set privacy.key_file."
        )
    path = Path(privacy.key_file)
    text, is_open = _read(path)
    made = Pseudonyms(_key(text, privacy.key_file), posts=privacy.posts)
    if is_open:
        say(f"warning: others may read the key {path}: chmod 600 {path}")
    return made


def make_key(path: Path) -> None:
    """Write a new key to a file that only its owner may read. A key that is there is never replaced.

    Raises
    ------
    InputError
        When the file is there, or cannot be written.
    """
    line = f"{_MARK}{base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"
    try:
        # Made with its rights, so that there is no moment at which others may read it.
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise InputError(
            f"{path} is there already: what was put under an old key cannot be opened by a new one. Choose "
            "another name."
        ) from None
    except OSError as problem:
        raise InputError(f"The key cannot be written to {path}: {problem.strerror}.") from None


def _read(path: Path) -> tuple[str, bool]:
    """What stands in the file, and whether others than its owner may read it."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            rights = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            return file.read(10 * KEY_BYTES), bool(rights & 0o077)
    except OSError as problem:
        raise InputError(f"The key {path} cannot be read: {problem.strerror}.") from None


def _key(text: str, where: str) -> bytes:
    """The bytes of a key; the sentence that refuses it has nothing of it."""
    try:
        key = base64.b64decode(text.strip().removeprefix(_MARK), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES or not text.startswith(_MARK):
        raise InputError(f"{where} is no key of Vigie: make one with `vigie privacy key FILE`.")
    return key
