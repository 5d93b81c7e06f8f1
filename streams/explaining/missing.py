"""What a store that was recorded over Kafka cannot tell, so that nobody takes it for nothing."""

from __future__ import annotations

from detectors.alerts import instant
from detectors.rules.sentences import NBSP, THIN, Both
from streams.stores.reading import Reading

_NEVER: Both = (
    "Recorded over Kafka: posts that share nothing are counted in the stream but not by account, quotes are "
    "counted as originals, and no profile is kept; ask of an account by its id, not by its handle.",
    f"Enregistré depuis Kafka{NBSP}: les messages qui ne partagent rien comptent dans le flux mais pas par "
    f"compte, les citations comptent comme des originaux, et aucun profil n'est gardé{THIN}; demandez un "
    "compte par son identifiant, pas par son nom.",
)


def missing(stored: Reading, at_ms: int) -> list[Both]:
    """Sentences about what is missing up to a moment; none of a store that saw the posts themselves."""
    if not stored.recorded:
        return []
    return [_NEVER, *(_gap(instant(since), instant(until)) for since, until in stored.gaps(at_ms))]


def _gap(since: str, until: str) -> Both:
    return f"Nothing was recorded from {since} to {until}.", f"Rien n'a été enregistré de {since} à {until}."
