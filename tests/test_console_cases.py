"""What the console shows of one case, with a store and without: posts, accounts, graph, tables, exports."""

from __future__ import annotations

import csv
import io

import orjson
import pytest
import short_night
from console_room import Browser, Room, alerts, newest, renamed

from detectors.events import Change, moment_ms
from detectors.findings import Subject
from streams.embedded import Pipeline
from streams.leading import Leading
from streams.replay import Run, play
from streams.stores.sqlite import Store


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A console with all that a short night gives: alerts, store, what led."""
    folder = tmp_path_factory.mktemp("night")
    store, leading = Store(folder / "store.db", write=True), Leading()

    def judged(one):
        store.note_judged(one)
        leading.note(one, one.finding.judged_ms)

    pipeline = Pipeline(on_judged=judged, on_batch=store.note_batch)
    room = Room(folder, store=folder / "store.db")
    room.told = []
    for alert in play([[*short_night.posts(), *gone()]], pipeline, Run()):
        room.told.append(orjson.loads(orjson.dumps(alert)))
        store.note_alert(alert)
        room.board.take(alert)
    room.board.show_leading(leading)
    store.close()
    yield room
    room.close()


def gone() -> list[Change]:
    """At the end of the night two posts of the leak are erased, and an author of it is suspended."""
    tagged = [one for one in short_night.posts() if "DelbreuilLeaks" in (one.hashtags or ())][-32:-30]
    network = {"platform": tagged[0].platform, "time_ms": short_night.posts()[-1].time_ms}
    return [
        *(Change(event="deletion", author_id=one.author_id, post_id=one.id, **network) for one in tagged),
        Change(event="account", author_id=tagged[0].author_id, status="suspended", **network),
    ]


@pytest.fixture
def room(tmp_path):
    """A console with nothing on its board, and no store."""
    room = Room(tmp_path)
    yield room
    room.close()


@pytest.fixture
def browser(night) -> Browser:
    return night.browser().begin()


@pytest.fixture
def largest(night) -> dict:
    """The newest data of the case of the most accounts."""
    return max(newest(night.told).values(), key=lambda data: data["group"]["accounts_total"])


def test_a_case_has_the_findings_of_all_its_revisions_the_strongest_first(browser, night, largest):
    case = browser.get(f"/api/cases/{largest['case_id']}").json
    told = [alert for alert in night.told if alert["data"]["case_id"] == largest["case_id"]]
    ids = {finding["finding_id"] for alert in told for finding in alert["data"]["findings"]}
    found = case["alert"]["findings"]
    assert {finding["finding_id"] for finding in found} == ids
    assert [finding["score"] for finding in found] == sorted((one["score"] for one in found), reverse=True)
    assert [one["revision"] for one in case["revisions"]] == [one["data"]["revision"] for one in told]
    assert case["row"]["case_id"] == largest["case_id"]
    assert case["not_proved"]["fr"] == [one["fr"] for one in largest["not_proved"]]


def test_with_a_store_the_time_line_has_every_post_of_the_operation(browser, night):
    tag = Subject("hashtag", "delbreuilleaks")
    case_id = next(
        name
        for name, data in newest(night.told).items()
        if {"kind": tag.kind, "value": tag.value} in data["subjects"]
    )
    case = browser.get(f"/api/cases/{case_id}").json
    window = [moment_ms(case["row"]["window"][name]) for name in ("start", "end")]
    posted = [
        one.time_ms
        for one in short_night.posts()
        if tag.value in [name.casefold() for name in one.hashtags or ()]
        and window[0] <= one.time_ms <= window[1]
    ]
    counted = sum(case["timeline"]["posts"])
    assert len(posted) * 0.95 < counted <= case["posts_known"]
    first = case["posts"][-1]
    assert first["handle"] and first["url"].startswith("https://x.com/i/status/")
    assert first["account"] == f"twitter:{first['author_id']}"


def test_with_a_store_erased_posts_and_suspended_accounts_are_marked(browser, night):
    erased, _, suspended = gone()
    case_id = next(
        name
        for name, data in newest(night.told).items()
        if {"kind": "hashtag", "value": "delbreuilleaks"} in data["subjects"]
    )
    case = browser.get(f"/api/cases/{case_id}").json
    assert case["has_fates"]
    assert {one["id"] for one in case["posts"] if one["fate"]} == {one.post_id for one in gone()[:2]}
    rows = browser.get(f"/api/cases/{case_id}/accounts", limit=500).json["rows"]
    assert [row["author_id"] for row in rows if row["status"]] == [suspended.author_id]
    assert erased.author_id == suspended.author_id


def test_a_store_without_fates_says_that_they_are_not_known(tmp_path):
    """As an earlier version left it."""
    store = Store(tmp_path / "store.db", write=True)
    store.db.execute("DROP TABLE fates")
    store.close()
    room = Room(tmp_path, store=tmp_path / "store.db")
    room.board.take(renamed(alerts()[0], "c1"))
    assert room.browser().get("/api/cases/c1").json["has_fates"] is False
    room.close()


def test_without_a_store_what_the_alerts_name_is_shown_and_said_to_be_a_part(room):
    alert = renamed(alerts()[0], "c1")
    alert["data"]["group"]["accounts_total"] = 1000
    room.board.take(alert)
    case = room.browser().get("/api/cases/c1").json
    assert case["posts"] and all(one["url"] is None for one in case["posts"])
    assert case["has_fates"] is False
    assert "lower bound" in case["sources"]["timeline"]["en"]
    table = room.browser().get("/api/cases/c1/accounts").json
    assert 0 < table["known"] == len(table["rows"]) < table["total"] == 1000


def test_the_graph_is_bounded_and_has_no_loose_ends(browser, night):
    for name, data in newest(night.told).items():
        if data["status"] != "merged":
            graph = browser.get(f"/api/cases/{name}").json["network"]
            ids = {node["id"] for node in graph["nodes"]}
            assert len(ids) == len(graph["nodes"]) <= 150
            assert len(graph["edges"]) <= 400
            assert all({edge["a"], edge["b"]} <= ids for edge in graph["edges"])


def test_a_case_that_is_not_there_is_said_to_be_gone(browser):
    answer = browser.get("/api/cases/c0ffee")
    assert (answer.status, answer.json["error"]) == (404, "There is no such case, or it was forgotten.")


# -- accounts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["posts", "handle", "created", "bot", "dormant"])
def test_accounts_are_sorted_and_paged_and_every_one_comes_once(browser, sort, largest):
    path, fields = (
        f"/api/cases/{largest['case_id']}/accounts",
        {"bot": "bot_score", "dormant": "silent_days"},
    )
    total = browser.get(path).json["known"]
    assert total == largest["group"]["accounts_total"]
    for down in (0, 1):
        rows = []
        while len(rows) < total:
            page = browser.get(path, sort=sort, down=down, offset=len(rows), limit=40).json["rows"]
            assert 0 < len(page) <= 40
            rows += page
        assert len({row["account"] for row in rows}) == total
        values = [row[fields.get(sort, sort)] for row in rows]
        known = [v.casefold() if isinstance(v, str) else v for v in values if v is not None]
        assert known == sorted(known, reverse=bool(down))
        assert values[len(known) :] == [None] * (total - len(known))  # what is not known comes last


def test_accounts_are_found_by_handle_whatever_the_case(browser, largest):
    path = f"/api/cases/{largest['case_id']}/accounts"
    row = browser.get(path, limit=1).json["rows"][0]
    found = browser.get(path, search=f"@{row['handle'].upper()}").json
    assert [one["account"] for one in found["rows"]] == [row["account"]]
    assert browser.get(path, search="no such handle").json["rows"] == []


def test_a_table_is_not_asked_for_in_another_way(browser, largest):
    path = f"/api/cases/{largest['case_id']}/accounts"
    assert browser.get(path, sort="name; DROP TABLE posts").status == 400
    assert browser.get(path, limit="many").status == 400
    assert browser.get(path, offset=-1).status == 400


# -- tables ------------------------------------------------------------------------------------------


def test_what_leads_is_shown_with_its_bots_and_with_why_there_is_no_alert(browser):
    rows = browser.get("/api/top/hashtags").json["rows"]
    assert [row["accounts"] for row in rows] == sorted((row["accounts"] for row in rows), reverse=True)
    for row in rows:
        assert row["why"]["en"] and row["why"]["fr"]
        if row["bot_share"] is not None:
            assert 0 <= row["bot_share"]["low"] <= row["bot_share"]["high"] <= 1
    (leak,) = [row for row in rows if row["value"] == "delbreuilleaks"]
    assert browser.get(f"/api/cases/{leak['case_id']}").status == 200
    assert browser.get("/api/top/people").status == 404


def test_a_subject_is_explained_as_at_the_command_line(browser):
    answer = browser.get("/api/explain", kind="hashtag", value="delbreuilleaks").json
    assert answer["verdict"].startswith("Alerted")
    assert browser.get("/api/explain", kind="mood", value="x").status == 400


def test_without_a_store_nothing_is_explained_and_that_is_said(room):
    answer = room.browser().get("/api/explain", kind="hashtag", value="a b").json
    assert "--store" in answer["elsewhere"]["en"]
    assert "--store" in answer["elsewhere"]["fr"]
    assert answer["commands"][-1] == "vigie explain hashtag 'a b' --store night.db"


def test_a_store_that_cannot_be_read_leaves_what_the_alerts_say(tmp_path):
    (tmp_path / "no.db").write_bytes(b"this is no database" * 100)
    room = Room(tmp_path, store=tmp_path / "no.db")
    try:
        room.board.take(alerts()[0])
        case_id = alerts()[0]["data"]["case_id"]
        assert room.browser().get(f"/api/cases/{case_id}").json["posts"]
        assert room.browser().get("/api/explain", kind="hashtag", value="x").status == 409
    finally:
        room.close()


def test_lists_and_what_they_push_are_shown(room):
    finding = alerts()[0]["data"]["findings"][0] | {
        "detector": "listed",
        "subjects": [{"kind": "hashtag", "value": "pushed"}],
        "evidence": {"listed_share": 0.75, "ratio": 30.0},
    }
    room.board.take(renamed(alerts()[0], "c1", findings=[finding]))
    pushed = room.browser().get("/api/lists").json["pushed"]
    assert [(row["value"], row["share"], row["case_id"]) for row in pushed] == [("pushed", 0.75, "c1")]


# -- exports -----------------------------------------------------------------------------------------


def test_the_posts_are_exported_in_the_columns_of_the_archive(browser, largest):
    answer = browser.get(f"/api/cases/{largest['case_id']}/export", **{"as": "csv"})
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    by_id = {one.id: one for one in short_night.posts()}
    assert len(rows) == browser.get(f"/api/cases/{largest['case_id']}").json["posts_known"]
    for row in rows:
        one = by_id[row["tweetid"]]
        assert (row["userid"], row["user_screen_name"]) == (one.author_id, one.author.handle)


def test_the_alert_is_exported_whole(browser, largest):
    body = browser.get(f"/api/cases/{largest['case_id']}/export", **{"as": "json"}).json
    assert body["type"] == "vigie.alert.v1"
    assert body["data"]["case_id"] == largest["case_id"]
    assert len(body["data"]["findings"]) >= len(largest["findings"])
    assert browser.get(f"/api/cases/{largest['case_id']}/export", **{"as": "exe"}).status == 400
