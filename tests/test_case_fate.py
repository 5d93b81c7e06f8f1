"""What becomes of a case's accounts and posts is told, while it is open and after it was closed."""

from __future__ import annotations

import msgspec
from streams_of_posts import MINUTE, SECOND, post, run
from test_cases import judged, people

from detectors.batches import FateSignal
from detectors.cases import Cases, CaseSettings
from detectors.events import Change
from detectors.findings import Member
from streams.embedded import Pipeline

HOUR = 60 * MINUTE


def gone(accounts, at: int = 0, status: str = "suspended") -> list[FateSignal]:
    return [FateSignal(at, account, status) for account in sorted(accounts)]


def opened(accounts: int = 10, posts: int = 0) -> Cases:
    """One case that was told."""
    one = judged("f", {f"x\x1f{name}" for name in people(0, accounts)}, score=50)
    members = tuple(
        Member(n, f"p{n}", one.finding.accounts[n], -1, (), (), False, False, False) for n in range(posts)
    )
    cases = Cases(CaseSettings())
    one = one._replace(finding=msgspec.structs.replace(one.finding, posts=members))
    assert len(list(cases.take([one], 5000))) == 1
    return cases


def fates(revisions) -> list[tuple[int, str, int, int]]:
    """(revision, status, accounts gone, posts erased) as they stood when each was told."""
    told = []
    for one in revisions:
        counts = one.case.fate_counts
        told.append((one.case.revision, one.status, counts.gone, counts.erased))
    return told


def test_a_case_speaks_again_when_a_good_part_of_its_accounts_is_gone():
    cases = opened()
    cases.note(gone({"x\x1fa1", "x\x1fa2"}))
    assert fates(cases.take([], 2 * MINUTE)) == []
    cases.note(gone({"x\x1fa3"}))
    assert fates(cases.take([], 4 * MINUTE)) == [(2, "updated", 3, 0)]
    cases.note(gone({"x\x1fa3"}))
    assert fates(cases.take([], 6 * MINUTE)) == []


def test_of_strangers_nothing_is_said():
    cases = opened()
    cases.note(gone({f"x\x1fb{n}" for n in range(50)}))
    assert fates(cases.take([], 9 * MINUTE)) == []


def test_an_account_that_comes_back_is_gone_no_more():
    cases = opened()
    cases.note(gone({f"x\x1fa{n}" for n in range(5)}))
    (told,) = cases.take([], 2 * MINUTE)
    assert told.case.fate_counts[:3] == (5, 5, 0)
    cases.note(gone({"x\x1fa1", "x\x1fa2"}, status="active"))
    assert told.case.fate_counts[:3] == (3, 3, 2)


def test_the_fate_of_a_closed_case_is_told_as_a_further_revision():
    cases = opened()
    (closed,) = cases.take([], 2 * HOUR)
    assert closed.status == "closed"
    cases.note(gone({f"x\x1fa{n}" for n in range(9)}, 9 * HOUR))
    assert fates(cases.take([], 9 * HOUR)) == [(3, "closed", 9, 0)]


def test_beyond_the_limit_closed_cases_of_notices_are_forgotten_first():
    cases = Cases(CaseSettings(max_closed=1))
    list(cases.take([judged("warned", people(0, 9), score=50)], 5000))
    list(cases.take([judged("noticed", people(10, 19), score=25)], 10_000))
    list(cases.take([], 2 * HOUR))
    assert cases.evicted == 1
    cases.note(gone(people(0, 19)))
    assert [one.case.findings.keys() for one in cases.take([], 3 * HOUR)] == [{"warned"}]


def test_posts_that_are_erased_count_if_they_were_kept_as_evidence():
    cases = opened(posts=4)
    cases.note([FateSignal(0, "x\x1fa0", "erased", post=f"x\x1fp{n}") for n in (0, 1, 77)])
    assert fates(cases.take([], 2 * MINUTE)) == []
    cases.note([FateSignal(0, None, "erased", post="x\x1fp2")])
    assert fates(cases.take([], 4 * MINUTE)) == [(2, "updated", 0, 3)]


def test_a_troll_farm_that_is_suspended_and_erases_itself_is_still_seen():
    text = "@target nobody believes a word of what you have said here, leave this country and take them along"
    trolls = [
        post(f"p{n}", f"troll{n}", n * 4 * SECOND, f"{text} {'!' * (n % 3)}", mentions=["target"])
        for n in range(20)
    ]
    at = trolls[-1].time_ms
    later = [
        Change(platform="x", time_ms=at + HOUR, event="account", author_id=f"troll{n}", status="suspended")
        for n in range(18)
    ]
    erased = [
        Change(
            platform="x", time_ms=at + 2 * MINUTE, event="deletion", author_id=f"troll{n}", post_id=f"p{n}"
        )
        for n in range(6)
    ]
    alerts = run(Pipeline(), [*trolls, *erased, *later, post("end", "other", 3 * HOUR)])
    assert len({one["data"]["case_id"] for one in alerts}) == 1
    newest = alerts[-1]["data"]
    assert newest["fate"] == {
        "gone": 18,
        "suspended": 18,
        "returned": 0,
        "accounts": 20,
        "erased": 6,
        "posts": 20,
    }
    assert "troll3" in newest["group"]["accounts"]
    assert "18 of 20 accounts are gone since (18 suspended), 6 of 20 posts shown" in newest["summary"]["en"]
    assert "18 des 20 comptes ont disparu depuis (dont 18 suspendus), 6" in newest["summary"]["fr"]
