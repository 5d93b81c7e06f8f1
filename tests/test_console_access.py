"""Who may come in, and who may do what: sign-in, roles, requests from elsewhere, the audit log."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
from console_room import Browser, Room, alerts
from test_cli import refused

from streams import cli
from streams.console.gate import COOKIE
from streams.console.sessions import TRIES
from streams.console.tokens import Tokens
from streams.sources.opening import InputError

PEOPLE = {"mona": "analyst", "paul": "viewer"}
READ = ("/api/board", "/api/events", "/api/health", "/api/lists", "/api/sponsors", "/api/top/hashtags")


@pytest.fixture
def room(tmp_path):
    """A console with two people, and the cases of a night."""
    room = Room(tmp_path, tokens=PEOPLE)
    for alert in alerts():
        room.board.take(alert)
    yield room
    room.close()


@pytest.fixture
def home(tmp_path):
    """A console of this machine only, without tokens."""
    room = Room(tmp_path)
    for alert in alerts():
        room.board.take(alert)
    yield room
    room.close()


def some_case(room: Room) -> str:
    return next(name for name, case in room.board._cases.items() if case.row["status"] != "merged")


def dismissed(browser: Browser, case_id: str, **more: object) -> int:
    body = {"kind": "dismissed", "reason": "a fan club", "until": None} | more
    return browser.post(f"/api/cases/{case_id}/verdict", body).status


# -- signing in ------------------------------------------------------------------------------------


def test_without_a_token_nothing_is_read(room):
    browser = room.browser()
    assert browser.get("/api/me").json["required"] is True
    for path in (*READ, f"/api/cases/{some_case(room)}", "/api/audit"):
        answer = browser.get(path)
        assert (answer.status, answer.json) == (401, {"error": "Sign in first."})


def test_with_a_token_one_is_in_until_one_signs_out(room):
    browser = room.browser()
    me = browser.sign_in(room.secrets["paul"]).json
    assert (me["signed_in"], me["name"], me["role"]) == (True, "paul", "viewer")
    assert browser.get("/api/board").json["cases"]
    browser.post("/api/sign-out", {})
    assert browser.get("/api/board").status == 401


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(room):
    answer = room.browser().sign_in(room.secrets["mona"])
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    behind_tls = room.browser().ask(
        "POST", "/api/sign-in", {"token": room.secrets["mona"]}, {"X-Forwarded-Proto": "https"}
    )
    assert "Secure" in behind_tls.headers["Set-Cookie"].split("; ")


def test_who_is_taken_out_is_out_at_once(room):
    browser = room.browser()
    browser.sign_in(room.secrets["mona"])
    with browser.events() as events:
        assert next(events)[0] == "now"
        room.tokens.remove("mona")
        assert browser.get("/api/board").status == 401
        assert [event for event, _ in events if event == "case"] == []  # and the stream has ended


def test_who_guesses_tokens_must_wait(room):
    browser = room.browser()
    statuses = [browser.sign_in("vigie_guess").status for _ in range(TRIES + 1)]
    assert statuses == [401] * TRIES + [429]
    answer = browser.sign_in(room.secrets["mona"])  # even the right one, or guessing would go on
    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61


def test_with_the_last_token_gone_the_door_stays_shut(tmp_path):
    room = Room(tmp_path, tokens={"mona": "analyst"})
    try:
        room.browser().get("/api/me")
        room.tokens.remove("mona")
        assert room.browser().get("/api/board").status == 401
    finally:
        room.close()


def test_beyond_this_machine_the_console_asks_for_tokens_first(tmp_path):
    with pytest.raises(InputError, match="would be open to everybody"):
        Room(tmp_path, host="0.0.0.0")


def test_on_this_machine_nobody_signs_in(home):
    me = home.browser().get("/api/me").json
    assert (me["required"], me["signed_in"], me["role"]) == (False, True, "analyst")
    assert home.browser().get("/api/board").status == 200


# -- roles -----------------------------------------------------------------------------------------


def test_a_viewer_reads_and_answers_nothing(room):
    browser = room.browser()
    browser.sign_in(room.secrets["paul"])
    assert browser.get(f"/api/cases/{some_case(room)}").status == 200
    assert dismissed(browser, some_case(room)) == 403
    assert browser.get("/api/audit").status == 403
    assert room.said == []


def test_every_answer_of_an_analyst_is_written_down_with_who_and_why(room):
    browser, case_id = room.browser(), some_case(room)
    browser.sign_in(room.secrets["mona"])
    assert dismissed(browser, case_id, until="2099-01-01T00:00:00Z") == 200
    assert browser.post(f"/api/cases/{case_id}/verdict", {"kind": "note", "reason": "again"}).status == 200
    browser.get(f"/api/cases/{case_id}/export", **{"as": "csv"})
    rows = browser.get("/api/audit").json["rows"]
    assert [(row["who"], row["role"], row["what"], row["case_id"], row["reason"]) for row in rows] == [
        ("mona", "analyst", "export", case_id, "csv"),
        ("mona", "analyst", "noted", case_id, "again"),
        ("mona", "analyst", "dismissed", case_id, "a fan club (until 2099-01-01T00:00:00.000Z)"),
        ("mona", "analyst", "sign-in", None, None),
    ]
    (dismissal, note) = room.said
    assert (dismissal.kind, dismissal.by, dismissal.reason) == ("dismissed", "mona", "a fan club")
    assert (note.kind, note.by) == ("noted", "mona")
    newest_ms = room.board.case(case_id).row["changed"]
    assert dismissal.at_ms > 0 and newest_ms < "2099"


def test_what_cannot_be_written_down_is_not_done(room, tmp_path):
    browser = room.browser()
    browser.sign_in(room.secrets["mona"])
    (tmp_path / "audit.jsonl").unlink()
    (tmp_path / "audit.jsonl").mkdir()
    assert dismissed(browser, some_case(room)) == 409
    assert room.said == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"kind": "guilty", "reason": "x"}, "kind must be"),
        ({"kind": "confirmed", "reason": "  "}, "Give a reason"),
        ({"kind": "confirmed", "reason": "x" * 2001}, "longer than"),
        ({"kind": "dismissed", "reason": "x", "until": "soon"}, "until must be a time"),
        ({"kind": "dismissed", "reason": "x", "until": "2001-01-01T00:00:00Z"}, "end before it begins"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(home, body, why):
    answer = home.browser().begin().post(f"/api/cases/{some_case(home)}/verdict", body)
    assert answer.status == 400
    assert why in answer.json["error"]
    assert home.said == []


def test_a_merged_case_is_answered_as_what_it_goes_on_as(home):
    alert = alerts()[0]
    merged = orjson.loads(orjson.dumps(alert))
    merged["data"] |= {"revision": 99, "status": "merged", "case_id": "c0ffee"}
    merged["data"]["related"] |= {"merged_into": "cafe"}
    home.board.take(merged)
    answer = home.browser().begin().post("/api/cases/c0ffee/verdict", {"kind": "note", "reason": "x"})
    assert answer.status == 409
    assert "goes on as cafe" in answer.json["error"]


# -- requests from elsewhere -----------------------------------------------------------------------


def test_what_changes_something_carries_the_token_of_the_session(room):
    browser, case_id = room.browser(), some_case(room)
    browser.sign_in(room.secrets["mona"])
    right, browser.csrf = browser.csrf, ""
    assert dismissed(browser, case_id) == 403
    browser.csrf = room.browser().sign_in(room.secrets["mona"]).json["csrf"]  # of another session
    assert dismissed(browser, case_id) == 403
    browser.csrf = right
    assert dismissed(browser, case_id) == 200


def test_at_home_too_the_page_of_another_site_cannot_answer(home):
    case_id, body = some_case(home), {"kind": "confirmed", "reason": "x"}
    assert dismissed(home.browser(), case_id) == 403  # without the token, which other sites cannot read
    browser = home.browser().begin()
    path = f"/api/cases/{case_id}/verdict"
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
    ):
        assert browser.ask("POST", path, body, headers).status in (403, 415), headers
    assert home.said == []
    ours = {"Origin": home.server.url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert browser.ask("POST", path, body, ours).status == 200


def test_a_name_that_was_made_to_point_here_is_not_answered(home):
    port = urlsplit(home.server.url).port
    for host in (f"evil.example:{port}", "evil.example", f"127.0.0.1.evil.example:{port}", "a@127.0.0.1", ""):
        answer = home.browser().ask("GET", "/api/board", headers={"Host": host})
        assert answer.status in (400, 403), host
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert home.browser().ask("GET", "/api/board", headers={"Host": host}).status == 200


def test_a_proxy_without_tokens_would_open_the_room_to_the_world_and_is_refused(home):
    answer = home.browser().ask("GET", "/api/board", headers={"X-Forwarded-For": "192.0.2.7"})
    assert answer.status == 403
    assert "proxy" in answer.json["error"]


def test_behind_a_proxy_the_console_has_the_name_that_it_was_given(tmp_path):
    room = Room(tmp_path, tokens=PEOPLE, hosts="vigie.example, room.example")
    try:
        browser = room.browser()
        browser.sign_in(room.secrets["paul"])
        named = {"Host": "vigie.example", "X-Forwarded-For": "192.0.2.7"}
        assert browser.ask("GET", "/api/board", headers=named).status == 200
        assert browser.ask("GET", "/api/board", headers={"Host": "other.example"}).status == 403
    finally:
        room.close()


@pytest.mark.parametrize("path", ["/", "/page/nothing", "/api/me", "/api/board", "/api/nothing", "/nothing"])
def test_every_answer_forbids_foreign_scripts_frames_and_guessing(home, path):
    headers = home.browser().get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "aiohttp" not in headers["Server"].lower()
    if path.startswith("/api/"):
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/page/../app.py", "/page/%2e%2e%2fapp.py", "/page/..%2fapp.py", "/page//etc/passwd", "/page/"]
)
def test_no_path_leads_out_of_the_folder_of_the_page(home, path):
    answer = home.browser().get(path)
    assert answer.status == 404
    assert b"import" not in answer.body


# -- the file of tokens ----------------------------------------------------------------------------


def test_of_a_token_only_a_hash_is_kept_for_nobody_else_to_read(tmp_path):
    path = tmp_path / "private" / "tokens.json"
    tokens = Tokens(path)
    secret = tokens.add("mona", "analyst")
    assert len(secret) > 40
    assert secret.encode() not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tokens.owner(secret) == ("mona", "analyst")
    assert tokens.owner(secret[:-1]) is tokens.owner("") is None
    assert [one.name for one in path.parent.iterdir()] == ["tokens.json"]


def test_tokens_are_made_listed_and_removed_at_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VIGIE_CONSOLE__TOKENS_FILE", str(tmp_path / "t.json"))
    assert cli.main(["console", "token", "add", "mona", "--role", "analyst"]) == 0
    said = capsys.readouterr()
    secret = said.out.strip()
    assert secret not in said.err
    assert Tokens(tmp_path / "t.json").owner(secret) == ("mona", "analyst")
    assert cli.main(["console", "token", "list", "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out) == [{"name": "mona", "role": "analyst"}]
    assert "has a token already" in refused(capsys, "console", "token", "add", "mona")
    assert cli.main(["console", "token", "remove", "mona"]) == 0
    assert Tokens(tmp_path / "t.json").owner(secret) is None
    capsys.readouterr()
    assert "has no token" in refused(capsys, "console", "token", "remove", "mona")


def test_a_file_of_tokens_that_is_none_is_refused(tmp_path):
    (tmp_path / "t.json").write_text('{"tokens": [{"name": "mona", "role": "queen"}]}')
    with pytest.raises(InputError, match="is no file of tokens"):
        Tokens(Path(tmp_path / "t.json"))
