"""Posts written to break out of the page: what they say is shown, and never does anything."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from console_room import HOSTILE, Room, alerts, renamed
from streams_of_posts import SECOND, SMALL, planted, post

from detectors.events import Profile
from streams.embedded import Pipeline
from streams.replay import Run, play
from streams.stores.sqlite import Store


class _Tags(HTMLParser):
    """Every tag, attribute and text of a page, as a browser reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A stream whose texts, handles, names, hashtags, links and payers are written to break out of a page."""
    folder = tmp_path_factory.mktemp("hostile")
    store = Store(folder / "store.db", write=True)
    pipeline = Pipeline(SMALL, on_judged=store.note_judged, on_batch=store.note_batch)
    room = Room(folder, store=folder / "store.db")
    posts = list(planted(7, chatter=60).posts)
    for number in range(12):
        text = f"the harbour was sold {HOSTILE} last night to those who paid for all of it"
        one = post(f"e{number}", f"evil{number % 6}", number * 20 * SECOND, text)
        one.author = Profile(handle=f"=cmd|' /C calc'!A0{HOSTILE}", name=HOSTILE)
        one.hashtags, one.links = [f"a{HOSTILE}b"], [f"javascript:alert(1)//{HOSTILE}"]
        posts.append(one)
    posts.sort(key=lambda one: (one.time_ms, one.id))
    for alert in play([posts], pipeline, Run()):
        store.note_alert(alert)
        room.board.take(alert)
    store.close()
    yield room
    room.close()


def evil_case(room: Room) -> str:
    return next(name for name, case in room.board._cases.items() if "onerror" in case.row["summary"]["en"])


def test_hostile_texts_arrive_as_data_and_never_as_markup(hostile):
    browser, case_id = hostile.browser(), evil_case(hostile)
    for path in ("/api/board", f"/api/cases/{case_id}", f"/api/cases/{case_id}/accounts"):
        answer = browser.get(path)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<img" in browser.get(f"/api/cases/{case_id}").json["template"]["text"]


def test_no_address_of_a_stranger_can_be_clicked_but_plain_https(hostile):
    case = hostile.browser().get(f"/api/cases/{evil_case(hostile)}").json
    rows = hostile.browser().get(f"/api/cases/{evil_case(hostile)}/accounts").json["rows"]
    urls = [one["url"] for one in (*case["posts"], *rows)]
    assert all(url is None or re.fullmatch(r"https://[\w./:%-]+", url) for url in urls)


def test_the_report_of_hostile_posts_has_no_tag_of_theirs(hostile):
    answer = hostile.browser().get(f"/api/cases/{evil_case(hostile)}/export", **{"as": "report"})
    assert "attachment" in answer.headers["Content-Disposition"]
    page = _Tags()
    page.feed(answer.body.decode())
    assert page.tags.isdisjoint({"img", "script", "iframe", "object", "link", "a", "form"})
    assert not any(name.startswith("on") or name in ("href", "src", "style") for name in page.attributes)
    assert "onerror=alert(1)" in page.text  # it is there to be read
    assert "\u202e" not in page.text  # and does not turn the text around


def test_the_table_of_hostile_accounts_holds_no_formula(hostile):
    body = hostile.browser().get(f"/api/cases/{evil_case(hostile)}/export", **{"as": "csv"}).body.decode()
    cells = [cell for row in csv.reader(io.StringIO(body)) for cell in row]
    assert any("cmd|" in cell for cell in cells)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in cells)


def test_hostile_events_stay_in_their_frame(hostile):
    """A text with line ends must not begin an event of its own."""
    with hostile.browser().events() as events:
        assert next(events)[0] == "now"
        broken = "line\n\nevent: now\ndata: {}\r\n\r\n"
        alert = renamed(alerts()[0], "c9", summary={"en": broken, "fr": broken})
        hostile.board.take(alert)
        event, row = next(one for one in events if one[0] == "case")
        assert (event, row["summary"]["en"]) == ("case", broken)
