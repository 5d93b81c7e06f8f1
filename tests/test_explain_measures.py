"""What `vigie explain` counts is what the detectors counted; its page fits; a person leaves the store."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from rich.console import Console
from stored_streams import Stored, asked, state_of
from streams_of_posts import MINUTE, SECOND, SMALL, Stream, planted, post, streams

from detectors.case import Judged
from detectors.events import Post
from detectors.groups.rising import RisingSettings
from detectors.lists import Entry, Lists
from detectors.traits.results import TraitResult
from streams.embedded import Pipeline
from streams.explaining.page import print_answer
from streams.sources.opening import InputError
from streams.stores.erasing import erase_from_posts
from streams.stores.sqlite import Store

RISING = RisingSettings(min_samples=4, min_stream_posts=20)
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = {"hashtags": "hashtag", "amplification": "source", "targets": "target"}


def of(judged: Judged) -> tuple[str, str]:
    subject = judged.finding.subjects[0]
    return subject.kind, subject.value


def rise() -> list[Post]:
    """Six slots of chatter, and a hashtag and a link that come from nothing in the last of them."""
    posts = [
        post(f"c{n}", f"u{n % 40}", n * 9 * SECOND, f"Chatter of the day, number {n * n} of many #old")
        for n in range(200)
    ]
    begin = 26 * MINUTE
    posts += [
        post(f"n{n}", f"new{n}", begin + n * 5 * SECOND, f"See {n} #Novelty https://x.invalid/a")
        for n in range(24)
    ]
    posts += [
        post(f"s{n}", f"new{n}", begin + n * 5 * SECOND, "See", kind="repost", ref_id=f"n{n}")
        for n in range(6)
    ]
    return sorted(posts, key=lambda one: (one.time_ms, one.id))


# -- the same as the detectors ----------------------------------------------------------------------


@few
@given(stream=streams())
def test_what_is_counted_at_a_judgement_is_what_was_judged(tmp_path, stream: Stream):
    night = Stored(tmp_path / "night.db", stream.posts)
    found = [one for one in night.judged if one.finding.detector in KINDS]
    assert found
    for one in found:
        kind, value = of(one)
        answer = night.ask(kind, value, one.finding.judged_ms)
        assert answer["counted"]["accounts"] == one.finding.accounts_total, (kind, value)
        assert answer["counted"]["posts"] == one.finding.posts_total, (kind, value)
        assert state_of(answer, one.finding.detector) == "judged"
        assert {state for *_, state in asked(answer, one.finding.detector)} == {"met"}


@few
@given(stream=streams())
def test_whatever_no_detector_judged_missed_a_threshold(tmp_path, stream: Stream):
    night = Stored(tmp_path / "night.db", stream.posts)
    judged = {(one.finding.detector, *of(one)) for one in night.judged}
    for tag in ("pushed", *(f"tag{n}" for n in range(6))):
        answer = night.ask("hashtag", tag)
        if not answer["counted"]["posts"]:
            assert answer["verdict"].startswith("Nothing was counted")
            continue
        state = state_of(answer, "hashtags")
        assert (state == "judged") == (("hashtags", "hashtag", tag) in judged)
        assert (state == "not_judged") == (answer["counted"]["accounts"] < 8)


@pytest.fixture(scope="module")
def risen(tmp_path_factory) -> Stored:
    sooner = msgspec.structs.replace(SMALL, rising=RISING)
    return Stored(tmp_path_factory.mktemp("risen") / "night.db", rise(), sooner)


@pytest.mark.parametrize("subject", [("hashtag", "novelty"), ("link", "https://x.invalid/a")])
def test_a_rise_is_measured_as_the_detector_did(risen, subject):
    (*_, last) = (one for one in risen.judged if one.finding.detector == "rising" and of(one) == subject)
    evidence = last.finding.evidence
    answer = risen.ask(*subject, last.finding.judged_ms)
    posts, accounts, stream, samples, deviations, times = asked(answer, "rising")
    assert posts == (evidence["posts"], "at least", 20, "met")
    assert accounts[0] == last.finding.accounts_total
    assert stream[0] == evidence["stream_posts"]
    assert samples == (evidence["samples"], "at least", 4, "met")
    assert deviations == (evidence["deviations"], "at least", 6.0, "met")
    assert times[3] == "met"


def test_what_was_always_there_has_not_risen_and_by_how_much_is_told(risen):
    posts, *_, deviations, _times = asked(risen.ask("hashtag", "old"), "rising")
    assert posts[3] == "met"
    assert deviations[0] < 6
    assert deviations[3] == "not_met"


def network(accounts: int, things: int) -> list[Post]:
    return [
        post(f"l{thing}.{n}", f"net{n}", thing * 5 * MINUTE + n * SECOND, f"https://x.invalid/{thing}")
        for thing in range(things)
        for n in range(accounts)
    ]


def test_a_network_is_measured_as_the_detector_did(tmp_path):
    night = Stored(tmp_path / "net.db", network(4, 5))
    (*_, last) = (one for one in night.judged if one.finding.detector == "co_sharing")
    answer = night.ask("link", last.finding.subjects[0].value, last.finding.judged_ms)
    near, _, things, accounts, chance = asked(answer, "co_sharing")
    assert near[0] == 4
    assert things == (last.finding.evidence["most_objects"], "at least", 3, "met")
    assert accounts == (last.finding.accounts_total, "at least", 3, "met")
    assert chance[3] == "not_enough_data"
    assert asked(night.ask("account", "net2"), "co_sharing")[:2] == [
        (5, "at least", 3, "met"),
        (4, "at least", 3, "met"),
    ]


@pytest.mark.parametrize(("accounts", "things", "missed"), [(2, 5, 3), (4, 2, 2), (1, 5, 0)])
def test_a_network_that_is_none_missed_pairs_or_things_or_another_account(tmp_path, accounts, things, missed):
    night = Stored(tmp_path / "net.db", network(accounts, things))
    answer = night.ask("link", "https://x.invalid/1")
    states = [state for *_, state in asked(answer, "co_sharing")]
    assert states.index("not_met") == missed
    assert state_of(answer, "co_sharing") == "not_judged"


def test_a_crowd_is_told_to_be_one(tmp_path):
    posts = [post(f"c{n}", f"fan{n}", n * SECOND, f"Goal number {n * n}! #goal") for n in range(40)]
    answer = Stored(tmp_path / "crowd.db", posts).ask("hashtag", "goal")
    assert asked(answer, "co_sharing")[1] == (40, "at most", 20, "not_met")


@pytest.mark.parametrize("pushers", [2, 5])
def test_what_lists_push_is_measured_as_the_detector_did(tmp_path, pushers):
    lists = Lists(
        Entry(account=f"troll{n}", kind="attributed", reason="r", source="s", list="room", platform="x")
        for n in range(6)
    )
    posts = [
        post(f"c{n}", f"u{n}", n * 3 * SECOND, f"Chatter {n}" + " #cause" * (n == 90)) for n in range(400)
    ]
    posts += [
        post(f"t{n}", f"troll{n}", MINUTE + n * 30 * SECOND, f"Number {n} for the #cause")
        for n in range(pushers)
    ]
    posts.sort(key=lambda one: (one.time_ms, one.id))
    night = Stored(tmp_path / "listed.db", posts, SMALL, lists)
    judged = [one for one in night.judged if one.finding.detector == "listed"]
    if pushers < 4:
        assert not judged
        answer = night.ask("hashtag", "cause")
        assert asked(answer, "listed")[0] == (2, "at least", 4, "not_met")
        assert "listed wants at least 4 listed accounts in the 24 hours before (2 seen)" in answer["verdict"]
        return
    evidence = judged[-1].finding.evidence
    accounts, ratio, chance = asked(night.ask("hashtag", "cause", judged[-1].finding.judged_ms), "listed")
    assert accounts == (judged[-1].finding.accounts_total, "at least", 4, "met")
    assert ratio == (evidence["ratio"], "at least", 10.0, "met")
    assert chance[0] <= evidence["chance"], "the store does not know how often it was tested"


# -- the page --------------------------------------------------------------------------------------


def printed(answer: dict[str, object], columns: int = 80) -> str:
    out = io.StringIO()
    print_answer(Console(file=out, width=columns, markup=False, emoji=False, highlight=False), answer)
    return out.getvalue()


@pytest.mark.parametrize("columns", [160, 80])
def test_a_page_fits_its_columns(risen, columns):
    asked_of = [
        ("hashtag", "novelty"),
        ("hashtag", "old"),
        ("link", "https://x.invalid/a"),
        ("account", "u3"),
    ]
    asked_of += [("text", "Chatter of the day, number 4 of many"), ("target", "x"), ("source", "u1")]
    asked_of += [("case", "c"), ("finding", risen.judged[0].finding.finding_id)]
    for kind, value in asked_of:
        page = printed(risen.ask(kind, value), columns)
        assert max(map(len, page.splitlines())) <= min(columns, 80)
        assert "None" not in page


def test_a_value_that_is_no_single_word_is_shown_on_one_line(risen):
    assert printed(risen.ask("text", "first\nsecond\x1b[2J")).startswith("text first�second�[2J at ")


def test_traits_are_kept_and_shown_as_a_table(tmp_path):
    night = Stored(tmp_path / "night.db", planted(7).posts)
    store = Store(tmp_path / "traits.db", write=True)
    figures = {"value": 0.62, "reference": 0.04, "effect": 1.4, "p_value": 1e-9, "n": 18}
    traits = (
        TraitResult(name="timing", state="not_enough_data"),
        TraitResult(name="client", state="not_found", value=0.5, reference=0.5, n=18),
        TraitResult(name="dormancy", state="found", **figures),
    )
    judged = next(one for one in night.judged if one.finding.detector == "hashtags")
    store.note_judged(judged._replace(traits=traits))
    store.close()
    night.store = Store(tmp_path / "traits.db", write=False)
    answer = night.ask("finding", judged.finding.finding_id, judged.finding.judged_ms)
    assert answer["findings"][0]["traits"] == [msgspec.structs.asdict(one) for one in traits]
    page = " ".join(printed(answer).split())
    assert "dormancy found 0.62 0.04 1.4 1e-09 18 client not found 0.5 0.5 18" in page
    assert "traits, not enough data: timing" in page


# -- the store -------------------------------------------------------------------------------------


def test_a_store_can_be_read_while_it_is_written(tmp_path):
    posts = sorted(planted(3, minutes=12).posts, key=lambda one: one.time_ms)
    path = tmp_path / "live.db"
    store = Store(path, write=True)
    pipeline = Pipeline(SMALL, store.note_judged, store.note_batch)
    for start in range(0, len(posts), 20):
        for alert in pipeline.feed(posts[start : start + 20]):
            store.note_alert(alert)
    seen = Store(path, write=False).last_ms()
    assert seen is not None
    assert seen >= posts[-1].time_ms - 7 * MINUTE
    store.close()


def test_a_record_that_is_damaged_ends_with_one_sentence(tmp_path):
    night = Stored(tmp_path / "night.db", planted(7).posts)
    with closing(sqlite3.connect(night.path)) as db:
        db.execute("UPDATE judged SET body = 'no JSON'")
        db.commit()
    with pytest.raises(InputError, match="is damaged, a record of it cannot be read"):
        night.ask("hashtag", "pushed")


def test_a_person_leaves_the_posts_of_a_store(tmp_path):
    posts = [
        post("a", "4711", 0, "My own words of this evening, all of them"),
        post("b", "2", 1000, "@Ana and @bob and @ana2 what do you say of it?"),
        post("c", "2", 2000, "@ANA only you"),
        post("d", "3", 3000, "My own words", kind="repost", ref_id="a", ref_author_id="4711"),
        post("e", "3", 4000, "No they are not", kind="reply", ref_id="a"),
        post("f", "3", 5000, "Somebody else's", kind="repost", ref_id="z", ref_author_id="9"),
    ]
    night = Stored(tmp_path / "night.db", posts)
    with closing(sqlite3.connect(night.path)) as db:
        assert erase_from_posts(db, ["x\x1f4711"], ["4711", "ana"]) > 0
        db.commit()
        left = db.execute("SELECT id, targets, strangers, ref, source FROM posts ORDER BY time").fetchall()
    assert left == [
        ("b", "\x1fbob\x1fana2\x1f", "\x1fana2\x1fbob\x1f", None, None),
        ("c", None, None, None, None),
        ("d", None, None, None, None),
        ("e", None, None, None, None),
        ("f", None, None, "z", "x\x1f9"),
    ]
    assert night.ask("target", "ana")["counted"]["posts"] == 0


def test_no_text_of_a_post_is_kept(tmp_path):
    night = Stored(tmp_path / "night.db", [post("a", "1", 0, "A zyzzyva of words that nobody copies")])
    assert b"zyzzyva" not in night.path.read_bytes()
