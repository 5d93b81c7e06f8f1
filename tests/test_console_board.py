"""The board of the console: what stands on it, who hears of changes, and what if there is much of it."""

from __future__ import annotations

import asyncio
import time
from itertools import count

import pytest
from console_room import Room, alerts, in_background, newest, renamed, until

from detectors.events import moment_ms
from streams.console.board import Board
from streams.console.known import MOST_POSTS, KnownCase
from streams.console.listeners import Listeners
from streams.console.minutes import SPARK_MINUTES
from streams.stores.sqlite import Store


@pytest.fixture
def room(tmp_path):
    """A console with nothing on its board, and no store."""
    room = Room(tmp_path)
    yield room
    room.close()


# -- what stands on it -------------------------------------------------------------------------------


def test_the_board_has_the_newest_revision_of_every_case_that_is_not_merged(room):
    for alert in alerts():
        room.board.take(alert)
    rows = {row["case_id"]: row for row in room.browser().get("/api/board").json["cases"]}
    expected = newest(alerts())
    assert set(rows) == set(expected)
    for name, data in expected.items():
        row = rows[name]
        assert (row["revision"], row["status"], row["severity"], row["score"]) == (
            data["revision"],
            data["status"],
            data["severity"],
            data["score"],
        )
        assert row["summary"] == data["summary"]
        assert (row["accounts"], row["posts"]) == (
            data["group"]["accounts_total"],
            data["group"]["posts_total"],
        )
        assert len(row["minutes"]) == SPARK_MINUTES
        assert row["minutes"][-1] > 0  # the window ends with its newest post


def test_the_board_counts_what_waits_for_an_answer(room):
    alert = alerts()[0]
    for number, status in enumerate(["open", "updated", "closed", "dismissed", "retracted", "merged"]):
        room.board.take(renamed(alert, f"c{number}", status=status, severity="warning"))
    board = room.browser().get("/api/board").json
    assert len(board["cases"]) == 5
    assert board["counts"] == {"critical": 0, "warning": 3, "notice": 0}


def test_before_anything_has_come_the_board_is_empty_and_says_so(room):
    board = room.browser().get("/api/board").json
    assert (board["cases"], board["open"], board["now"], board["ended"]) == ([], [], None, False)


def test_alerts_that_come_again_or_late_change_nothing(room):
    first, second = renamed(alerts()[0], "c1", 1, score=20), renamed(alerts()[0], "c1", 2, score=50)
    for alert in (second, first, second, first):
        room.board.take(alert)
    case = room.board.case("c1")
    assert (case.row["revision"], case.row["score"], sorted(case.revisions)) == (2, 50, [1, 2])


# -- live --------------------------------------------------------------------------------------------


def test_a_new_alert_is_with_everybody_by_itself_and_in_order(room):
    with room.browser().events() as mona, room.browser().events() as paul:
        assert next(mona)[0] == next(paul)[0] == "now"
        for revision in (1, 2, 3):
            began = time.monotonic()
            room.board.take(renamed(alerts()[0], "c1", revision))
            for events in (mona, paul):
                row = next(data for event, data in events if event == "case")
                assert (row["case_id"], row["revision"]) == ("c1", revision)
            print(f"an alert was with two browsers after {(time.monotonic() - began) * 1000:.0f} ms")


def test_a_browser_that_reads_nothing_holds_nobody_up_and_fills_no_memory(room):
    """It gets the newest of each case in the end, or is told to fetch all anew."""
    with room.browser().events() as slow:
        assert next(slow)[0] == "now"
        for revision in range(1, 501):
            room.board.take(renamed(alerts()[0], "c1", revision))
        seen = [row["revision"] for event, row in _until_revision(slow, 500) if event == "case"]
        assert seen[-1] == 500
        assert seen == sorted(seen)


def _until_revision(events, last):
    for event, row in events:
        yield event, row
        if event == "case" and row["revision"] == last:
            return


def test_of_too_much_that_waits_the_browser_is_told_to_begin_anew():
    async def watch() -> bytes:
        listeners = Listeners()
        listener = listeners.join()
        for number in range(1001):
            listeners.tell("case", b"{}", about=str(number))
        return await listener.take()

    assert asyncio.run(watch()) == b"event: reset\ndata: {}\n\n"


def test_browsers_that_leave_are_forgotten(room):
    for _ in range(3):
        with room.browser().events() as events:
            next(events)
    until(lambda: len(room.board.listeners) == 0 or room.board.tick(), "the browsers are forgotten")


def test_while_a_thread_feeds_the_board_everyone_reads_whole_cases(room):
    stop = []

    def feed():
        for number in count():
            if stop:
                return
            room.board.take(renamed(alerts()[number % len(alerts())], f"c{number % 10}", number // 10 + 1))

    thread = in_background(feed)
    try:
        browser = room.browser()
        until(lambda: len(room.board) > 5, "cases are there")
        for _ in range(20):
            for row in browser.get("/api/board").json["cases"][:3]:
                assert browser.get(f"/api/cases/{row['case_id']}").status == 200
    finally:
        stop.append(True)
        thread.join()


# -- much of it --------------------------------------------------------------------------------------


def test_500_open_cases_come_whole(room):
    pattern = alerts()[-1]
    for number in range(500):
        room.board.take(renamed(pattern, f"c{number:04}"))
    browser = room.browser()
    began = time.process_time()  # of server and browser, whatever else the machine does
    assert len(browser.get("/api/board").json["cases"]) == 500
    assert browser.get("/api/cases/c0250").status == 200
    print(f"500 cases and one of them: {time.process_time() - began:.3f} s of CPU")


def test_a_case_of_20_000_accounts_comes_by_the_page(tmp_path):
    path = tmp_path / "large.db"
    _store_large(path, accounts=20_000)
    room = Room(tmp_path, store=path)
    try:
        room.board.take(_large_alert(20_000))
        browser = room.browser()
        began = time.process_time()
        assert browser.get("/api/cases/clarge").json["posts_known"] == 20_000
        page = browser.get("/api/cases/clarge/accounts", sort="handle", down=0, limit=100).json
        first_s = time.process_time() - began
        assert (page["total"], page["known"], len(page["rows"])) == (20_000, 20_000, 100)
        began = time.process_time()
        page = browser.get("/api/cases/clarge/accounts", sort="bot", offset=19_950, limit=100).json
        assert len(page["rows"]) == 50
        assert browser.get("/api/cases/clarge/accounts", search="h1234").json["found"] == 11
        again_s = time.process_time() - began
        print(f"20,000 accounts: first {first_s:.3f} s of CPU, sorted and searched {again_s:.3f} s")
        csv_rows = browser.get("/api/cases/clarge/export", **{"as": "csv"}).body.count(b"\n")
        assert csv_rows == 20_001
    finally:
        room.close()


def _large_alert(accounts: int) -> dict:
    alert = renamed(alerts()[0], "clarge")
    data = alert["data"]
    data["window"] = {"start": "2022-04-10T18:00:00.000Z", "end": "2022-04-10T19:00:00.000Z"}
    data["subjects"] = [{"kind": "hashtag", "value": "large"}]
    data["group"] |= {"accounts_total": accounts, "posts_total": accounts, "accounts": [], "posts": []}
    data["findings"][0] |= {"finding_id": "flarge", "accounts": [], "posts": []}
    return alert


def _store_large(path, accounts: int) -> None:
    store = Store(path, write=True)
    db, start = store._db, moment_ms("2022-04-10T18:00:00.000Z")
    keys = [f"twitter\x1f{number}" for number in range(accounts)]
    profile = b'{"handle":"h%d","followers":%d,"following":9,"posts":500,"created_at":"2019-01-01T00:00:00Z"}'
    db.execute("BEGIN")
    db.executemany("INSERT INTO members VALUES (?, 'flarge')", ((key,) for key in keys))
    db.executemany(
        "INSERT INTO profiles VALUES (?, ?, ?, ?)",
        ((key, f"h{n}", start, profile % (n, n)) for n, key in enumerate(keys)),
    )
    posts = ((start + n * 100, key, str(n), "\x1flarge\x1f") for n, key in enumerate(keys))
    db.executemany(
        "INSERT INTO posts (time, account, id, kind, activity, hashtags) VALUES (?, ?, ?, 'original', 1, ?)",
        posts,
    )
    db.execute("COMMIT")
    store.close()


def test_the_board_is_bounded_and_says_what_it_forgot():
    board = Board("embedded", most=10)
    pattern = alerts()[0]
    for number in range(5):
        board.take(renamed(pattern, f"closed{number}", status="closed"))
    for number in range(12):
        board.take(renamed(pattern, f"open{number}"))
    assert sorted(board._cases) == sorted(f"open{number}" for number in range(2, 12))
    assert board.forgotten() == 7
    subject = pattern["data"]["subjects"][0]
    assert board.about(subject["kind"], subject["value"]) == "open11"


def test_what_is_held_of_one_case_is_bounded_and_counted():
    case = KnownCase("c1")
    for revision in range(1, 201):
        alert = renamed(alerts()[0], "c1", revision)
        alert["data"]["group"]["posts"] = [
            {"id": f"{revision}.{n}", "author_id": "1", "created_at": "2022-04-10T18:00:00.000Z"}
            for n in range(50)
        ]
        case.take(alert)
    assert len(case.posts) <= MOST_POSTS
    assert case.evicted > 7000
