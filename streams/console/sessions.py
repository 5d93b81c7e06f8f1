"""Who is signed in: sessions in memory, which a restart ends; and how often one may try a token."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from detectors.forgetting import forget_oldest
from streams.console.tokens import Person

_MOST_SESSIONS = 1000
_MOST_ADDRESSES = 1000
TRIES, TRIES_S = 10, 60.0
"""So many wrong tokens from one address in so many seconds, and it must wait."""


@dataclass(frozen=True)
class Session:
    """One browser of somebody who has signed in."""

    person: Person
    csrf: str
    """What every request that changes something must carry beside the cookie, which browsers add unasked."""
    until_s: float


class Sessions:
    """Sessions by the hash of the secret that is in the cookie.

    Parameters
    ----------
    hours : float
        How long a session lasts.
    clock : callable
        Seconds that never go back.

    Examples
    --------
    >>> seconds = [0.0]
    >>> sessions = Sessions(1.0, clock=lambda: seconds[0])
    >>> secret, session = sessions.begin(Person("mona", "analyst"))
    >>> sessions.find(secret).person.name, sessions.find("guessed")
    ('mona', None)
    >>> seconds[0] = 3600
    >>> sessions.find(secret)
    """

    def __init__(self, hours: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._length_s = hours * 3600
        self._clock = clock
        self._held: dict[str, Session] = {}

    def begin(self, person: Person) -> tuple[str, Session]:
        """A new session and the secret for its cookie."""
        secret = secrets.token_urlsafe(32)
        session = Session(person, secrets.token_urlsafe(32), self._clock() + self._length_s)
        self._held[_digest(secret)] = session
        forget_oldest(self._held, _MOST_SESSIONS, old=lambda one: one.until_s <= self._clock())
        return secret, session

    def find(self, secret: str) -> Session | None:
        """The session of a cookie, if it lasts."""
        session = self._held.get(_digest(secret))
        return session if session is not None and session.until_s > self._clock() else None

    def end(self, secret: str) -> None:
        """Sign out."""
        self._held.pop(_digest(secret), None)


class Tries:
    """Counts wrong tokens by the address that they came from.

    >>> tries = Tries(clock=lambda: 0.0)
    >>> [tries.wait_s("192.0.2.7") for _ in range(TRIES + 1) if not tries.wrong("192.0.2.7")][-2:]
    [60.0, 60.0]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}

    def wrong(self, address: str) -> None:
        """A token was wrong."""
        times = self._wrong.pop(address, None) or deque(maxlen=TRIES)
        times.append(self._clock())
        self._wrong[address] = times
        forget_oldest(self._wrong, _MOST_ADDRESSES)

    def wait_s(self, address: str) -> float:
        """How long an address must wait before it may try again."""
        times = self._wrong.get(address)
        if times is None or len(times) < TRIES:
            return 0.0
        return max(0.0, times[0] + TRIES_S - self._clock())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
