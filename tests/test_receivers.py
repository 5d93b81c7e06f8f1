"""Who is told of cases: the real Alertmanager, webhooks and chats on real servers, failures, restarts."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jsonschema
import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from live_servers import Served
from prometheus_client import CollectorRegistry, generate_latest
from servers import need
from streams_of_posts import planted

from deploy.servers import Server, free_port
from streams import cli, deliveries, settings
from streams.kafka import clients, topics
from streams.kafka.notifier import Notifier
from streams.kafka.settings import KafkaSettings
from streams.outputs.alert import Alert
from streams.outputs.receivers import courier, dead_letters, harmless
from streams.outputs.receivers.chat import Chat
from streams.outputs.receivers.dispatch import DeliveryCollector, Dispatch
from streams.outputs.receivers.filtering import wants
from streams.outputs.receivers.settings import ReceiverSettings
from streams.outputs.receivers.trial import trial_alert
from streams.sources.opening import InputError
from streams.sources.posts import encode_post

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "receivers.md").read_text(encoding="utf-8")
SECRET = "only-for-this-test-run"
PATIENCE_S = 60.0
NOW_MS = 1_650_000_000_000


@pytest.fixture(autouse=True)
def _state_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def until(what: str, holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(0.02)
    return found


def example(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1)


# -- alerts and receivers --------------------------------------------------------------------------


def case(number: int = 1) -> str:
    return f"c{number:016x}"


def alert(number: int = 1, revision: int = 1, status: str = "updated", **more: Any) -> Alert:
    """A revision of a case; `accounts` and whatever else `data` has may be said."""
    made = trial_alert(more.pop("severity", "warning"), NOW_MS)
    made["id"] = f"{case(number)}.{revision}"
    group = made["data"]["group"] | {"accounts_total": more.pop("accounts", 20)}
    told = {"case_id": case(number), "revision": revision, "status": status, "group": group}
    made["data"] |= told | more
    return made


class Recorder:
    """A server that keeps what it is sent and answers by a script, then always 200.

    An entry of the script is a status, a status with headers, or seconds to wait before the answer.
    """

    def __init__(self, *script: int | tuple[int, dict[str, str]] | float) -> None:
        self.script = list(script)
        self.got: list[tuple[float, web.Request, bytes]] = []
        self._leaving = threading.Event()
        self._served = Served([("POST", "/{path:.*}", self._take)])
        self.url = f"http://127.0.0.1:{self._served.port}/hooks/T0KEN"

    async def _take(self, request: web.Request) -> web.Response:
        self.got.append((time.monotonic(), request, await request.read()))
        step = self.script.pop(0) if self.script else 200
        if isinstance(step, float):
            end = time.monotonic() + step
            while time.monotonic() < end and not self._leaving.is_set():
                await asyncio.sleep(0.01)
            step = 200
        status, headers = step if isinstance(step, tuple) else (step, {})
        return web.Response(status=status, headers=headers, text="said so")

    def ids(self) -> list[str]:
        return [orjson.loads(body)["id"] for _, _, body in self.got]

    def texts(self) -> list[str]:
        return [orjson.loads(body)["text"] for _, _, body in self.got]

    def close(self) -> None:
        self._leaving.set()
        time.sleep(0.02 * bool(self.script or self.got))
        self._served.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Recorder]]:
    made: list[Recorder] = []

    def make(*script: Any) -> Recorder:
        made.append(Recorder(*script))
        return made[-1]

    yield make
    for one in made:
        one.close()


def hook(url: str, **more: Any) -> ReceiverSettings:
    """A webhook that is tried again soon."""
    quick = {"retry_s": 0.02, "longest_retry_s": 0.05, "secret": SECRET}
    return ReceiverSettings(url=url, **quick | more)


@contextmanager
def dispatching(said: list[str] | None = None, **receivers: ReceiverSettings) -> Iterator[Dispatch]:
    dispatch = Dispatch(receivers, (said if said is not None else []).append)
    try:
        yield dispatch
    finally:
        dispatch.close()


def letters(name: str) -> list[dict[str, Any]]:
    path = dead_letters.place(name, ReceiverSettings(url=""))
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


# -- settings --------------------------------------------------------------------------------------

DESK = f'[receivers.desk]\nurl = "https://desk.example/in"\nsecret = "{SECRET}"\n'


def checked(tmp_path: Path, text: str) -> settings.Settings:
    room = tmp_path / "room.toml"
    room.write_text(text, encoding="utf-8")
    return settings.load(room, environment={})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "ftp://desk.example"', "receivers.desk.url must be"),
        ('url = "https://desk.example:nine/"', "receivers.desk.url must be"),
        ('url = "https://desk.example/a b"', "receivers.desk.url must be"),
        ('secret = "short"', "receivers.desk.secret must have 16"),
        ('format = "slack"', "receivers.desk.secret is for webhooks in json only"),
        ('kind = "alertmanager"\nsecret = ""\nformat = "slack"', "receivers.desk.format is for webhooks"),
        ('detectors = ["hashtag"]', "['hashtag'], which is none; there are near_duplicates"),
        ('subjects = ["debate*"]', "write kind:value"),
        ('subjects = ["tag:debate"]', "write kind:value"),
        ('severity = "high"', "Invalid enum value 'high'"),
        ('severty = "notice"', "unknown field `severty`"),
        ("retry_s = 90", "receivers.desk.retry_s must be"),
        ("timeout_s = 0", "receivers.desk.timeout_s must be"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_is_told(tmp_path, line, said):
    written = {name: rest for name, _, rest in (one.partition(" = ") for one in line.splitlines())}
    lines = [one for one in DESK.splitlines() if one.partition(" = ")[0] not in written]
    with pytest.raises(InputError) as problem:
        checked(tmp_path, "\n".join([*lines, line]))
    assert said in str(problem.value)
    assert SECRET not in str(problem.value)


@pytest.mark.parametrize("name", ["Desk", "night-desk", "a__b", "x" * 41])
def test_a_receiver_is_named_so_that_the_environment_can_name_it(tmp_path, name):
    with pytest.raises(InputError, match="small letters"):
        checked(tmp_path, DESK.replace("desk]", f'"{name}"]'))


def test_settings_of_a_receiver_come_from_file_environment_and_flags(tmp_path):
    room = tmp_path / "room.toml"
    room.write_text('[receivers.night_desk]\nurl = "https://desk.example"\n')
    variables = {"VIGIE_RECEIVERS__NIGHT_DESK__SECRET": SECRET}
    loaded = settings.load(room, variables, ["receivers.night_desk.severity=critical"])
    desk = loaded.receivers["night_desk"]
    assert (desk.url, desk.secret, desk.severity) == ("https://desk.example", SECRET, "critical")


def test_the_settings_of_the_page_are_right(tmp_path):
    room = tmp_path / "room.toml"
    room.write_text(example("settings"), encoding="utf-8")
    receivers = settings.load(room, {"VIGIE_RECEIVERS__DESK__SECRET": SECRET}).receivers
    assert list(receivers) == ["pager", "desk", "chat"]
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert set(ReceiverSettings.__struct_fields__) <= set(re.findall(r"`(\w+)`", " ".join(rows)))


def test_receivers_do_not_change_the_version_of_detection(tmp_path):
    assert checked(tmp_path, DESK).version() == checked(tmp_path, "").version()


def test_config_show_hides_secret_and_path_and_is_toml(tmp_path, capsys):
    room = tmp_path / "room.toml"
    room.write_text(
        DESK + '[receivers.pager]\nkind = "alertmanager"\nurl = "http://u:pass@am.example:9093"\n'
    )
    assert cli.main(["config", "show", "--config", str(room)]) == 0
    shown = capsys.readouterr().out
    assert "[receivers.desk]" in shown
    assert '# url = "https://desk.example/********"' in shown
    assert '# url = "http://am.example:9093/********"' in shown
    assert SECRET not in shown and "/in" not in shown and "pass" not in shown.partition("[receivers")[2]
    assert cli.main(["config", "show", "--json", "--config", str(room)]) == 0
    assert orjson.loads(capsys.readouterr().out)["receivers"]["desk"]["secret"] == "********"


# -- filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, True),
        ({"severity": "critical"}, False),
        ({"severity": "notice"}, True),
        ({"detectors": ("purges", "hashtags")}, True),
        ({"detectors": ("purges",)}, False),
        ({"subjects": ("link:*", "hashtag:vigie*")}, True),
        ({"subjects": ("*:vigietest",)}, True),
        ({"subjects": ("hashtag:VigieTest",)}, False),
        ({"subjects": ("link:*",)}, False),
        ({"detectors": ("hashtags",), "subjects": ("link:*",)}, False),
    ],
)
def test_a_receiver_hears_only_of_what_it_asked_for(asked, wanted):
    assert wants(ReceiverSettings(url="", **asked), alert()) is wanted


def test_whoever_was_told_of_a_case_hears_how_it_ends(serve):
    desk = serve()
    with dispatching(desk=hook(desk.url, subjects=("hashtag:vigietest",))) as dispatch:
        dispatch.put(alert(1))
        dispatch.put(alert(2, subjects=[{"kind": "link", "value": "x.example"}]))
        assert dispatch.drain(PATIENCE_S) == 0
        for number in (1, 2):
            dispatch.put(alert(number, 2, "retracted", subjects=[{"kind": "link", "value": "x.example"}]))
        assert dispatch.drain(PATIENCE_S) == 0
    assert desk.ids() == [f"{case(1)}.1", f"{case(1)}.2"]


# -- webhooks --------------------------------------------------------------------------------------


def test_the_signature_is_verified_as_the_page_says(serve):
    desk = serve()
    with dispatching(desk=hook(desk.url)) as dispatch:
        dispatch.put(alert())
        assert dispatch.drain(PATIENCE_S) == 0
    [(_, request, body)] = desk.got
    names: dict[str, Any] = {}
    exec(example("verify"), names)
    header = request.headers["vigie-signature"]
    assert names["is_from_vigie"](SECRET, header, body)
    assert not names["is_from_vigie"](SECRET, header, body + b" ")
    assert not names["is_from_vigie"]("another-secret-of-16", header, body)
    moment = re.sub(r"t=\d+", "t=1650000000", header)
    assert not names["is_from_vigie"](SECRET, moment, body), "an old call that is made again"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["vigie-id"] == orjson.loads(body)["id"] == alert()["id"]
    assert orjson.loads(body) == alert()


def test_a_failure_is_tried_again_and_a_pause_that_is_asked_for_is_kept(serve):
    desk = serve(500, (429, {"retry-after": "1"}))
    said: list[str] = []
    with dispatching(said, desk=hook(desk.url)) as dispatch:
        dispatch.put(alert(1))
        until("the pause", lambda: len(desk.got) == 2)
        dispatch.put(alert(2))  # which must wait, too
        assert dispatch.drain(PATIENCE_S) == 0
        assert dict(dispatch.couriers[0].counts) == {"retried": 2, "delivered": 2}
    moments = [moment for moment, _, _ in desk.got]
    assert moments[2] - moments[1] > 0.95
    assert sorted(desk.ids()[2:]) == [f"{case(1)}.1", f"{case(2)}.1"]
    assert said == ["desk takes no alerts: 500: said so.", "desk takes alerts again."]


def test_no_answer_in_time_is_a_failure(serve):
    desk = serve(5.0)
    with dispatching(desk=hook(desk.url, timeout_s=0.2)) as dispatch:
        dispatch.put(alert())
        assert dispatch.drain(3.0) == 0
    assert len(desk.got) == 2


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (400, "400: said so"),
        (410, "410: said so"),
        ((302, {"location": "http://10.0.0.1/"}), "302: said so ("),
    ],
)
def test_a_refusal_is_a_dead_letter_at_once_and_nothing_else_waits_for_it(serve, step, said):
    desk, told = serve(step), []
    with dispatching(told, desk=hook(desk.url)) as dispatch:
        dispatch.put(alert(1))
        dispatch.put(alert(2))
        assert dispatch.drain(PATIENCE_S) == 0
    assert desk.ids() == [f"{case(1)}.1", f"{case(2)}.1"]
    [letter] = letters("desk")
    assert letter["reason"].startswith(said)
    assert (letter["receiver"], letter["attempts"], letter["alert"]) == ("desk", 1, alert(1))
    assert "T0KEN" not in str(letter) + str(told)
    assert dead_letters.place("desk", hook("")).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("trouble", ["nobody listens", "no answer", "no such host", "no host at all"])
def test_what_cannot_be_delivered_in_time_is_a_dead_letter_with_the_reason(serve, trouble):
    silent = serve(*[5.0] * 20)
    url, reason = {
        "nobody listens": (f"http://127.0.0.1:{free_port()}/hooks/T0KEN", "cannot be reached"),
        "no answer": (silent.url, "no answer within 0.1 s"),
        "no such host": ("http://desk.invalid/hooks/T0KEN", "cannot be reached"),
        "no host at all": (f"http://{'x' * 70}.example/hooks/T0KEN", ""),
    }[trouble]
    told: list[str] = []
    with dispatching(told, desk=hook(url, give_up_minutes=0.005, timeout_s=0.1)) as dispatch:
        dispatch.put(alert())
        assert dispatch.drain(PATIENCE_S) == 0
    [letter] = letters("desk")
    assert letter["reason"].startswith(f"given up after 0.005 minutes: {reason}")
    assert letter["attempts"] > 1
    assert "T0KEN" not in str(letter) + str(told)


def test_of_a_case_only_the_newest_revision_waits(serve):
    desk = serve(503, 503)
    with dispatching(desk=hook(desk.url, retry_s=0.4, longest_retry_s=0.4)) as dispatch:
        for revision in (1, 2, 3, 2):
            dispatch.put(alert(1, revision), mark=revision)
            until("the first attempt", lambda: desk.got)
        assert dispatch.oldest_mark() == 3
        assert dispatch.drain(PATIENCE_S) == 0
        assert dispatch.oldest_mark() is None
        dispatch.put(alert(1, 3), mark=9)  # a repetition
        assert dispatch.drain(PATIENCE_S) == 0
    assert set(desk.ids()) == {f"{case(1)}.1", f"{case(1)}.3"}
    assert desk.ids()[-1] == f"{case(1)}.3"


def test_a_revision_that_comes_during_an_attempt_is_sent_after_it(serve):
    desk = serve(0.3)
    with dispatching(desk=hook(desk.url)) as dispatch:
        dispatch.put(alert(1, 1))
        until("the attempt", lambda: desk.got)
        dispatch.put(alert(1, 2))
        assert dispatch.drain(PATIENCE_S) == 0
    assert desk.ids() == [f"{case(1)}.1", f"{case(1)}.2"]


def test_a_case_that_is_never_taken_does_not_hold_up_the_others(serve):
    desk = serve(503)
    with dispatching(desk=hook(desk.url, retry_s=1.0, longest_retry_s=1.0)) as dispatch:
        dispatch.put(alert(1))
        until("the failure", lambda: desk.got)
        dispatch.put(alert(2))
        assert dispatch.drain(PATIENCE_S) == 0
    assert desk.ids() == [f"{case(1)}.1", f"{case(2)}.1", f"{case(1)}.1"]


def test_memory_is_bounded_and_what_waits_longest_is_buried(serve, monkeypatch):
    monkeypatch.setattr(courier, "MOST_WAITING", 3)
    silent = serve(*[5.0] * 9)
    with dispatching(desk=hook(silent.url)) as dispatch:
        for number in range(1, 6):
            dispatch.put(alert(number))
        assert dispatch.waiting() == 3
    assert [letter["alert"]["id"] for letter in letters("desk")] == [f"{case(1)}.1", f"{case(2)}.1"]


def test_dead_letters_that_cannot_be_written_are_kept_and_told(serve, tmp_path):
    desk, said = serve(400), []
    (tmp_path / "file").write_text("")
    with dispatching(said, desk=hook(desk.url, dead_letters=str(tmp_path / "file" / "x.jsonl"))) as dispatch:
        dispatch.put(alert(), mark=7)
        until("the sentence", lambda: len(said) == 2)
        assert "cannot be written" in said[1]
        assert dispatch.oldest_mark() == 7


# -- chats -----------------------------------------------------------------------------------------


def chat(**more: Any) -> ReceiverSettings:
    return ReceiverSettings(url="", console="https://room.example", **{"format": "slack"} | more)


def text_of(receiver: ReceiverSettings, told: Alert) -> str:
    message = Chat(receiver).message(told)
    assert message is not None
    return str(orjson.loads(message.body)["text"])


HOSTILE = (
    "<!channel> @here @all <https://evil.example|your bank> [sign in](https://evil.example) "
    "www.evil.example *x* `@everyone`\n# big\n&lt;!here&gt; \u202egnp.exe\x1b[2J"
)


@pytest.mark.parametrize("form", ["slack", "mattermost"])
def test_a_hostile_post_calls_nobody_and_lays_out_no_link(form):
    text = text_of(chat(format=form), alert(summary={"en": HOSTILE, "fr": HOSTILE}))
    *said, link = text.split("\n")
    assert link == f"https://room.example/#/case/{case()}"
    told = "\n".join(said)
    assert len(said) == 3, "what it says stays in its line"
    for forbidden in ("@", "<", ">", "://", "evil.example", "\u202e", "\x1b"):
        assert forbidden not in told
    if form == "slack":
        assert "&amp;lt;!here" in told and "&lt;" not in told
    else:
        assert r"\[sign in\](" in told and r"\*x\*" in told and "\\`" in told


@given(st.text(max_size=80))
def test_whatever_a_post_says_its_words_are_harmless(text):
    said = harmless.harmless(text)
    assert not set("<>@\n\x1b") & set(said)
    assert "://" not in said
    assert harmless.harmless(said) == said


def test_a_chat_hears_of_news_and_of_nothing_else():
    desk = Chat(chat())
    noted = {"kind": "confirmed", "reason": "it is", "until": None}
    night: list[tuple[dict[str, Any], bool]] = [
        ({"status": "open"}, True),
        ({"accounts": 30}, False),
        ({"accounts": 40}, True),
        ({"accounts": 41, "severity": "critical"}, True),
        ({"accounts": 42, "severity": "critical"}, False),
        ({"accounts": 42, "severity": "critical", "verdict": noted}, True),
        ({"accounts": 43, "severity": "critical", "verdict": noted, "status": "closed"}, True),
        ({"accounts": 43, "severity": "critical", "verdict": noted, "status": "closed"}, False),
        ({"accounts": 43, "severity": "critical", "verdict": noted}, True),
    ]
    for revision, (said, is_news) in enumerate(night, 1):
        told = alert(1, revision, **said)
        assert (desk.message(told) is not None) is is_news, revision
        if is_news:
            desk.told(told)
    assert desk.message(alert(2, 4, "closed")) is None, "the end of what nobody saw"
    assert desk.message(alert(2, 4, "retracted")) is not None


def test_a_message_says_what_was_seen_and_what_it_does_not_prove_in_two_languages():
    english = text_of(chat(), alert(severity="critical", relevance={"names": ["Ana Diaz"]}))
    assert english.splitlines()[0] == "CRITICAL · case c00000000 · score 0 · 20 accounts, 1 posts"
    assert "you watch: Ana Diaz" in english and "A test proves nothing." in english
    french = text_of(chat(language="fr"), alert())
    assert "20 comptes" in french and "Un essai ne prouve rien." in french


def test_a_chat_gets_what_its_webhook_takes(serve):
    desk = serve()
    with dispatching(desk=hook(desk.url, secret="", format="slack")) as dispatch:
        dispatch.put(alert(1, 1))
        dispatch.put(alert(2, 1, severity="notice"))
        assert dispatch.drain(PATIENCE_S) == 0
        dispatch.put(alert(1, 2))  # no news
        dispatch.put(alert(1, 3, "dismissed"))
        assert dispatch.drain(PATIENCE_S) == 0
    first, last = desk.texts()
    assert "TEST" in first and "case dismissed" in last
    [(_, request, body), _] = desk.got
    assert request.headers["content-type"] == "application/json"
    assert orjson.loads(body)["mrkdwn"] is False


# -- Alertmanager ----------------------------------------------------------------------------------

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


class AlertmanagerServer(Server):
    """Alertmanager as deploy/ configures it, but in a hurry, and told whom to call."""

    name = "alertmanager"
    calls = ""

    def _prepare(self) -> None:
        shipped = (ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
        quick = re.sub(r"group_wait: .*", "group_wait: 100ms", shipped)
        quick = re.sub(r"group_interval: .*", "group_interval: 200ms", quick)
        receiver = f"\n    webhook_configs:\n      - {{url: '{self.calls}', send_resolved: true}}"
        quick = re.sub(r"(- name: (?:page-only|vigie)$)", rf"\1{receiver}", quick, flags=re.MULTILINE)
        (self.data / "alertmanager.yml").write_text(quick, encoding="utf-8")

    def _command(self) -> list[str]:
        return [
            str(ALERTMANAGER),
            f"--config.file={self.data}/alertmanager.yml",
            f"--storage.path={self.data}/kept",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    def _answers(self, begun: int) -> bool:
        try:
            with urlopen(f"http://{self.address}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def shown(self) -> list[dict[str, Any]]:
        """The alerts of Vigie that fire now, as its page shows them."""
        asked = f"http://{self.address}/api/v2/alerts?filter=alertname%3DVigieCase"
        with urlopen(asked, timeout=5) as answer:
            found: list[dict[str, Any]] = orjson.loads(answer.read())
        return found

    def firing(self, *numbers: int) -> dict[str, str]:
        """Severity of each of these cases that fires; that one does not fire twice is made sure of."""
        wanted = [case(number) for number in numbers]
        labels = [one["labels"] for one in self.shown() if one["labels"]["case_id"] in wanted]
        found = {one["case_id"]: one["severity"] for one in labels}
        assert len(found) == len(labels), labels
        return found


@pytest.fixture(scope="module")
def called() -> Iterator[Recorder]:
    """Whom Alertmanager calls."""
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory, called) -> Iterator[AlertmanagerServer]:
    need("" if ALERTMANAGER else "Alertmanager is missing: apt-get install prometheus-alertmanager")
    server = AlertmanagerServer(free_port(), tmp_path_factory.mktemp("alertmanager"))
    server.calls = called.url
    server.start()
    yield server
    server.kill()


def pager(server: AlertmanagerServer, **more: Any) -> ReceiverSettings:
    url = f"http://{server.address}"
    return ReceiverSettings(kind="alertmanager", url=url, console="https://room.example", **more)


def calls(called: Recorder, number: int) -> list[tuple[str, str]]:
    """Status and severity of each change that Alertmanager told somebody of a case, in order."""
    told: list[tuple[str, str]] = []
    for _, _, body in called.got:
        for one in orjson.loads(body)["alerts"]:
            now = (one["status"], one["labels"]["severity"])
            if one["labels"]["case_id"] == case(number) and now not in told:
                told.append(now)
    return told


def test_alertmanager_has_one_alert_for_each_case_which_resolves_when_it_closes(alertmanager, called):
    with dispatching(pager=pager(alertmanager)) as dispatch:
        dispatch.put(alert(11, 1, "open", accounts=20))
        dispatch.put(alert(12, 1, "open"))
        dispatch.put(alert(13, 1, "open", severity="notice"))
        assert dispatch.drain(PATIENCE_S) == 0
        until("two calls", lambda: calls(called, 11) and calls(called, 12))
        before = len(called.got)
        for revision in range(2, 6):
            dispatch.put(alert(11, revision, accounts=20 + revision, detectors=["hashtags", "targets"]))
            assert dispatch.drain(PATIENCE_S) == 0
        assert alertmanager.firing(11, 12, 13) == {case(11): "warning", case(12): "warning"}
        time.sleep(0.6)  # three intervals in which a second alert would be told
        assert len(called.got) == before, "an update calls nobody"
        [shown] = [one for one in alertmanager.shown() if one["labels"]["case_id"] == case(11)]
        assert shown["annotations"]["accounts"] == "25"
        assert shown["annotations"]["summary_fr"].startswith("TEST : ")
        assert shown["generatorURL"] == f"https://room.example/#/case/{case(11)}"
        assert shown["startsAt"] == "2022-04-15T05:20:00.000Z"
        dispatch.put(alert(11, 6, "closed"))
        dispatch.put(alert(12, 2, "merged", related={"merged_into": case(11)}))
        assert dispatch.drain(PATIENCE_S) == 0
        assert alertmanager.firing(11, 12) == {}
        until("the end of both", lambda: len(calls(called, 11)) == len(calls(called, 12)) == 2)
        after = len(called.got)
        dispatch.put(alert(11, 7, "closed"))  # more of its fate
        assert dispatch.drain(PATIENCE_S) == 0
        time.sleep(0.6)
        assert len(called.got) == after
    assert calls(called, 11) == calls(called, 12) == [("firing", "warning"), ("resolved", "warning")]


def test_a_case_that_gets_worse_fires_anew_and_one_that_goes_on_fires_again(alertmanager, called):
    night = [
        ("open", "warning", ("firing", "warning")),
        ("updated", "critical", ("firing", "critical")),
        ("dismissed", "critical", ("resolved", "critical")),
    ]
    with dispatching(pager=pager(alertmanager)) as dispatch:
        for revision, (status, severity, call) in enumerate(night, 1):
            dispatch.put(alert(21, revision, status, severity=severity))
            assert dispatch.drain(PATIENCE_S) == 0
            firing = {case(21): severity} if call[0] == "firing" else {}
            assert alertmanager.firing(21) == firing
            until(f"the call {call}", lambda call=call: call in calls(called, 21))
        assert ("resolved", "warning") in calls(called, 21)
        dispatch.put(alert(21, 4, severity="critical"))  # the dismissal has ended
        assert dispatch.drain(PATIENCE_S) == 0
        assert alertmanager.firing(21) == {case(21): "critical"}
        dispatch.put(alert(21, 5, "retracted", severity="critical"))
        assert dispatch.drain(PATIENCE_S) == 0
    assert alertmanager.firing(21) == {}


def test_an_open_case_is_told_again_before_alertmanager_forgets_it(alertmanager):
    held = pager(alertmanager, hold_minutes=1.5 / 60)
    with dispatching(pager=held) as dispatch:
        dispatch.put(alert(31))
        dispatch.recall(alert(32))  # an earlier run told it
        until("both", lambda: len(alertmanager.firing(31, 32)) == 2)
        for _ in range(10):
            time.sleep(0.25)
            assert len(alertmanager.firing(31, 32)) == 2
    until("the end of what nobody tells any more", lambda: not alertmanager.firing(31, 32))


def test_the_routes_of_the_page_call_who_is_to_be_woken(tmp_path):
    tool = shutil.which("amtool")
    need("" if tool else "amtool is missing: apt-get install prometheus-alertmanager")
    routes = textwrap.indent(example("routes"), "  ")
    receivers = "receivers:\n  - name: page-only\n  - name: pager\n"
    (tmp_path / "am.yml").write_text(f"route:\n  receiver: page-only\n{routes}{receivers}")
    for severity, receiver in (("warning", "page-only"), ("critical", "pager")):
        asked = [f"--config.file={tmp_path}/am.yml", "alertname=VigieCase", f"severity={severity}"]
        done = subprocess.run(
            [str(tool), "config", "routes", "test", *asked], capture_output=True, text=True, check=False
        )
        assert done.stdout.strip() == receiver, done


def test_words_of_strangers_are_harmless_in_the_templates_of_alertmanager(alertmanager):
    with dispatching(pager=pager(alertmanager)) as dispatch:
        dispatch.put(alert(41, summary={"en": HOSTILE, "fr": HOSTILE}))
        dispatch.put(alert(42, first_seen="2999-01-01T00:00:00.000Z"))  # a clock that goes before
        assert dispatch.drain(PATIENCE_S) == 0
        [shown] = [one for one in alertmanager.shown() if one["labels"]["case_id"] == case(41)]
        assert not set("<>@\n") & set("".join(shown["annotations"].values()))
        assert alertmanager.firing(42)
        for number in (41, 42):
            dispatch.put(alert(number, 2, "closed", first_seen="2999-01-01T00:00:00.000Z"))
        assert dispatch.drain(PATIENCE_S) == 0
    assert alertmanager.firing(41, 42) == {}
    assert not letters("pager")


# -- the commands ----------------------------------------------------------------------------------


def room_of(tmp_path: Path, **urls: str) -> str:
    """A settings file with a webhook at each URL; `pager` is an Alertmanager."""
    tables = []
    for name, url in urls.items():
        which = 'kind = "alertmanager"' if name == "pager" else f'secret = "{SECRET}"'
        tables.append(f'[receivers.{name}]\nurl = "{url}"\n{which}\nseverity = "notice"\ntimeout_s = 30\n')
    path = tmp_path / "room.toml"
    path.write_text("\n".join(tables))
    return str(path)


@pytest.fixture(scope="module")
def posts(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("posts") / "posts.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in planted(7, chatter=60).posts) + b"\n")
    return str(path)


def replayed(path: Path, *arguments: str) -> list[Alert]:
    assert cli.main(["replay", *arguments, "--alerts", str(path)]) == 0
    alerts = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    for one in alerts:
        one["data"]["published_at"] = None
    return alerts


def test_a_receiver_that_hangs_holds_up_neither_detection_nor_the_others(
    serve, posts, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(deliveries, "DRAIN_S", 1.3)
    hangs, works = serve(*[30.0] * 50), serve()
    room = room_of(tmp_path, hangs=hangs.url, works=works.url, gone=f"http://127.0.0.1:{free_port()}")
    alone = replayed(tmp_path / "alone.jsonl", posts)
    told = replayed(tmp_path / "told.jsonl", posts, "--config", room)
    assert told == alone
    newest = {one["data"]["case_id"]: one["id"] for one in told}
    delivered = {name.partition(".")[0]: name for name in works.ids()}
    assert delivered == newest, "the newest revision of every case has arrived"
    assert len(hangs.got) == 1
    for name in ("hangs", "gone"):
        assert {letter["alert"]["id"] for letter in letters(name)} == set(newest.values())
        assert f"{name} did not get {len(newest)} cases" in capsys.readouterr().err or name == "gone"
    assert not letters("works")


def test_a_test_is_marked_as_one_and_says_what_came_back(serve, tmp_path, capsys):
    desk = serve(200, 403)
    room = room_of(tmp_path, desk=desk.url)
    command = ["notify", "--config", room, "--test", "desk"]
    assert cli.main([*command, "--severity", "critical"]) == 0
    assert capsys.readouterr().out == "desk has taken the test: 200: said so\n"
    assert cli.main(command) == 1
    assert capsys.readouterr().out == "desk did not take the test: 403: said so\n"
    sent = [orjson.loads(body) for _, _, body in desk.got]
    schema = orjson.loads((ROOT / "streams/outputs/schemas/vigie.alert.v1.json").read_bytes())
    for one in sent:
        jsonschema.validate(one, schema)
        assert one["data"]["summary"]["en"].startswith("TEST: this is no alert")
    assert sent[0]["data"]["case_id"] != sent[1]["data"]["case_id"]
    assert [one["data"]["severity"] for one in sent] == ["critical", "notice"]


def test_alertmanager_takes_a_test(alertmanager, tmp_path, capsys):
    room = room_of(tmp_path, pager=f"http://{alertmanager.address}")
    assert cli.main(["notify", "--config", room, "--test", "pager"]) == 0
    assert "pager has taken the test: 200" in capsys.readouterr().out
    assert any("TEST" in one["annotations"]["summary"] for one in alertmanager.shown())


def test_dead_letters_are_sent_once_more(serve, tmp_path, capsys):
    desk = serve(400, 400, 400)
    room = room_of(tmp_path, desk=desk.url)
    with dispatching(desk=hook(desk.url)) as dispatch:
        dispatch.put(alert(1, 1))
        dispatch.put(alert(2, 1))
        assert dispatch.drain(PATIENCE_S) == 0
        dispatch.put(alert(1, 2))
        assert dispatch.drain(PATIENCE_S) == 0
    kept = dead_letters.place("desk", hook(""))
    again = ["notify", "--config", room, "--again"]
    assert cli.main([*again, str(kept)]) == 2
    assert "move it away first" in capsys.readouterr().err
    moved = kept.rename(tmp_path / "again.jsonl")
    assert cli.main([*again, str(moved)]) == 0
    assert capsys.readouterr().out == "All were delivered.\n"
    assert sorted(desk.ids()[3:]) == [f"{case(1)}.2", f"{case(2)}.1"]
    desk.script = [400]
    assert cli.main([*again, str(moved)]) == 1
    assert len(letters("desk")) == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--test", "nobody"], "There is no receiver 'nobody'; there is desk."),
        (["--severity", "notice"], "name a receiver with --test"),
        (["--again", "nothing.jsonl"], "cannot be read"),
        (["--again", __file__], "line 1, is no dead letter"),
    ],
)
def test_bad_use_is_one_sentence(tmp_path, capsys, flags, said):
    assert cli.main(["notify", "--config", room_of(tmp_path, desk="http://127.0.0.1:1"), *flags]) == 2
    assert said in capsys.readouterr().err


def test_without_a_receiver_there_is_nobody_to_tell(capsys):
    assert cli.main(["notify"]) == 2
    assert "[receivers.NAME]" in capsys.readouterr().err


def test_prometheus_is_told_of_each_receiver(serve):
    desk = serve(400, 500)
    with dispatching(desk=hook(desk.url), other=hook("http://127.0.0.1:1")) as dispatch:
        registry = CollectorRegistry()
        registry.register(DeliveryCollector(dispatch))
        dispatch.put(alert(1))
        dispatch.put(alert(2))
        until("the desk", lambda: len(desk.got) == 3)
        until("its count", lambda: dispatch.couriers[0].counts["delivered"])
        text = generate_latest(registry).decode()
    for line in (
        'vigie_deliveries_total{outcome="delivered",receiver="desk"} 1.0',
        'vigie_deliveries_total{outcome="retried",receiver="desk"} 1.0',
        'vigie_deliveries_total{outcome="dead",receiver="desk"} 1.0',
        'vigie_deliveries_total{outcome="lost",receiver="other"} 0.0',
        'vigie_deliveries_waiting{receiver="desk"} 0.0',
        'vigie_deliveries_waiting{receiver="other"} 2.0',
    ):
        assert line in text, text
    if tool := shutil.which("promtool"):
        check = [tool, "check", "metrics"]
        done = subprocess.run(check, input=text.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (0, b""), done


# -- over Kafka ------------------------------------------------------------------------------------


@pytest.fixture
def topic(kafka) -> KafkaSettings:
    made = KafkaSettings(bootstrap=kafka, prefix=f"n-{uuid.uuid4().hex[:8]}.", partitions=1)
    topics.create(made)
    return made


def publish(topic: KafkaSettings, alerts: list[Alert]) -> None:
    """Publish alerts, and what a stranger writes into the same topic."""
    producer = clients.producer(topic)
    for one in alerts:
        producer.send(f"{topic.prefix}alerts", orjson.dumps(one), one["data"]["case_id"].encode())
    producer.send(f"{topic.prefix}alerts", b"a stranger's", b"x")
    producer.send(f"{topic.prefix}alerts", None, b"y")
    producer.flush(PATIENCE_S)
    producer.close()


@contextmanager
def notifying(topic: KafkaSettings, receiver: ReceiverSettings, **how: Any) -> Iterator[Dispatch]:
    """What `vigie notify` does, in a thread."""
    with dispatching(desk=receiver) as dispatch:
        notifier, stop = Notifier(topic, dispatch, **how), threading.Event()
        thread = threading.Thread(target=notifier.follow, args=[stop])
        thread.start()
        try:
            yield dispatch
        finally:
            stop.set()
            thread.join()
            notifier.close()


def test_a_notifier_that_is_killed_and_started_again_loses_nothing(topic, serve, tmp_path):
    desk = serve(*[0.05] * 400)
    room = room_of(tmp_path, desk=desk.url)
    places = [f"kafka.bootstrap={topic.bootstrap}", f"kafka.prefix={topic.prefix}"]
    flags = [part for one in places for part in ("--set", one)]
    command = [sys.executable, "-m", "streams.cli", "notify", "--config", room, *flags, "--from-start"]
    cases = range(1, 41)
    publish(topic, [alert(number) for number in cases])
    with subprocess.Popen(command, stderr=subprocess.PIPE) as first:
        until("a part of it", lambda: len(desk.got) > 8)
        first.kill()
    assert len(desk.got) < len(cases), "it was killed in the middle"
    publish(topic, [alert(number, 2, "closed") for number in cases[:5]])
    wanted = {f"{case(number)}.1" for number in cases[5:]} | {f"{case(number)}.2" for number in cases[:5]}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as second:
        until("all of it", lambda: wanted <= set(desk.ids()))
        second.send_signal(signal.SIGTERM)
        assert second.stderr is not None
        said = second.stderr.read()
    assert second.returncode == 0, said
    assert "2 records of the topic are no alerts" in said or "1 records" in said
    assert "Traceback" not in said


def test_a_first_start_begins_with_what_comes_and_a_further_one_where_it_ended(topic, serve):
    desk = serve()
    publish(topic, [alert(1)])
    with notifying(topic, hook(desk.url)) as dispatch:
        publish(topic, [alert(2), alert(3)])
        until("what came", lambda: len(desk.got) == 2)
        assert dispatch.drain(PATIENCE_S) == 0
    publish(topic, [alert(4)])
    with notifying(topic, hook(desk.url)):
        until("what came meanwhile", lambda: len(desk.got) == 3)
        publish(topic, [alert(2, 2, severity="notice")])  # it hears of it because it heard of it before
        until("how it goes on", lambda: len(desk.got) == 4)
    assert desk.ids() == [f"{case(2)}.1", f"{case(3)}.1", f"{case(4)}.1", f"{case(2)}.2"]


def test_only_what_is_delivered_or_buried_is_committed(topic, serve):
    desk = serve(200, 400, *[5.0] * 9)
    with notifying(topic, hook(desk.url), from_start=True) as dispatch:
        publish(topic, [alert(number) for number in (1, 2, 3)])
        until("the third", lambda: len(desk.got) == 3)
        until("the other two", lambda: dispatch.oldest_mark() == 2)
    admin = clients.consumer(topic, group_id=f"{topic.prefix}vigie-notify")
    assert admin.committed(clients.TopicPartition(f"{topic.prefix}alerts", 0)) == 2
    admin.close()


def test_open_cases_are_still_told_to_alertmanager_after_a_restart(topic, alertmanager):
    held = pager(alertmanager, hold_minutes=1.5 / 60)
    with notifying(topic, held, from_start=True):
        publish(topic, [alert(51), alert(52), alert(52, 2, "closed")])
        until("both", lambda: alertmanager.firing(51, 52) == {case(51): "warning"})
    until("the end of what nobody tells any more", lambda: not alertmanager.firing(51))
    with notifying(topic, held):
        until("what is open", lambda: alertmanager.firing(51, 52) == {case(51): "warning"})
        publish(topic, [alert(51, 2, "closed")])
        until("its end", lambda: not alertmanager.firing(51))
