"""Groups that act together openly: shown apart, with the reason, and never alerted."""

from __future__ import annotations

from detectors.case import Judged
from detectors.findings import Finding, Subject
from detectors.forgetting import forget_oldest
from detectors.genres import Kind
from detectors.openness import READ_SHARE, Openness, of_star
from detectors.rules.sentences import Both
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing


class OpenGroup(Record, tag="open_groups"):
    """One group, as it was judged last."""

    turn: int
    kind: Kind
    """See `detectors.openness`."""
    why: Both
    """One sentence with figures, in English and French."""
    share: float
    """See `detectors.openness.Openness`."""
    detector: str
    subject: Subject
    template: str | None
    """What its accounts copy; None where they copy no text."""
    accounts: int
    start_ms: int
    end_ms: int


class _Head(Record, tag="open_groups_head"):
    """What is counted."""

    turn: int
    evicted: int


class OpenGroups:
    """The groups that would be worth a notice, if they did not say what they are; bounded.

    Parameters
    ----------
    most : int
        Groups held; those judged longest ago go first.
    """

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self.evicted = 0
        self._turn = 0
        self._held: dict[str, OpenGroup] = {}
        self._changed: Noted[str] = Noted()
        self._table, self._head = Table(OpenGroup), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._held)

    def largest(self) -> list[OpenGroup]:
        """All that are held, those of the most accounts first."""
        return sorted(self._held.values(), key=lambda one: (-one.accounts, one.subject, one.turn))

    def known(self, finding: Finding) -> Openness | None:
        """Why a group is open that says nothing itself, by another that is held; see `detectors.openness`."""
        if finding.subjects[0].kind != "hashtag":
            return None
        held = [one for one in self._held.values() if one.end_ms >= finding.start_ms]
        if finding.detector == "hashtags":
            known = (_star_of(one, finding) for one in held)
            return next((openness for openness in known if openness is not None), None)
        if finding.detector == "rising":
            same = (one for one in held if _by_posts(one) and one.subject == finding.subjects[0])
            return next((Openness(one.kind, one.why, one.share) for one in same), None)
        return None

    def take(self, judged: Judged) -> None:
        """Note a group that is open, and forget one that has ceased to be as others joined it."""
        finding, openness = judged.finding, judged.assessment.openness
        known = self._held.pop(finding.finding_id, None) is not None
        if openness is not None and judged.assessment.severity is not None:
            self._turn += 1
            self._held[finding.finding_id] = OpenGroup(
                self._turn,
                openness.kind,
                openness.why,
                openness.share,
                finding.detector,
                finding.subjects[0],
                finding.template,
                finding.accounts_total,
                finding.start_ms,
                finding.end_ms,
            )
        elif not known:
            return
        self._changed.add(finding.finding_id)
        forgot = forget_oldest(self._held, self._most)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        names = self._changed.take(self._held, everything)
        return merged(
            self._head.told(_Head(self._turn, self.evicted), everything),
            self._table.told({name: self._held.get(name) for name in names}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._turn, self.evicted = head.turn, head.evicted
        self._held = dict(sorted(self._table.read(saved), key=lambda one: one[1].turn))


def _star_of(vote: OpenGroup, finding: Finding) -> Openness | None:
    """Why a hashtag is open, if it is whom this vote is for."""
    by_words = vote.detector == "near_duplicates" and vote.kind != "declared"
    if not by_words or vote.template is None or vote.accounts < READ_SHARE * finding.accounts_total:
        return None
    openness = of_star(finding, vote.template)
    return openness if openness is not None and openness.kind == vote.kind else None


def _by_posts(one: OpenGroup) -> bool:
    """Whether a hashtag is open by what is posted under it, and not by who posts it."""
    return one.detector == "hashtags" and one.kind != "declared"
