"""The door, the key, opening a case, erasing a person, and how long each store keeps what it holds."""

from __future__ import annotations

import re
import shutil
import sqlite3
import stat
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
import short_night
from test_cli import refused
from test_subscribe import publish
from worker_room import PATIENCE_S, STREAM, Room, write

from detectors.alerts import instant
from detectors.case import CaseFinding, CaseHead
from detectors.events import decode_line
from detectors.looks import account_hash
from detectors.state import StateError, Table, pack
from detectors.windows import canonical_order
from streams import cli, privacy_erase, retention, settings
from streams.case_alerts import cases_of, read_alerts
from streams.clock import clock_ms
from streams.embedded import Pipeline
from streams.kafka import topics
from streams.kafka.alerts import Tail
from streams.kafka.settings import MASK, KafkaSettings
from streams.privacy import door, opener
from streams.privacy_erase import Person
from streams.privacy_settings import PrivacySettings, RetentionSettings
from streams.pseudonyms import FOUND, Pseudonyms
from streams.sources.posts import encode_post
from streams.stores.sqlite import Store

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def nights(tmp_path_factory) -> Path:
    """A night as it is judged with the accounts' own names (`plain`) and under pseudonyms (`alerts`)."""
    made = tmp_path_factory.mktemp("nights")
    (made / "posts.jsonl").write_bytes(b"".join(line + b"\n" for line in short_night.lines()))
    vigie("privacy", "key", str(made / "room.key"))
    (made / "room.toml").write_text(
        f'[privacy]\npseudonyms = true\nkey_file = "{made}/room.key"\n[near_duplicates]\nindex_rows = 4096\n',
        encoding="utf-8",
    )
    (made / "plain.toml").write_text("[near_duplicates]\nindex_rows = 4096\n", encoding="utf-8")
    replay(made, "plain", "plain.toml")
    replay(made, "alerts", "room.toml", "--show", "notice")
    return made


@pytest.fixture
def folder(nights, tmp_path, monkeypatch) -> Path:
    """A copy of it, which is where one is."""
    for path in nights.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("room.toml").write_text(
        Path("room.toml").read_text(encoding="utf-8").replace(f"{nights}/", ""), encoding="utf-8"
    )
    return tmp_path


def vigie(*arguments: str) -> None:
    assert cli.main(list(arguments)) == 0


def replay(where: Path, name: str, config: str, *more: str) -> None:
    outputs = ("--alerts", str(where / f"{name}.jsonl"), "--store", str(where / f"{name}.db"))
    vigie("replay", str(where / "posts.jsonl"), "--config", str(where / config), *outputs, *more)


def pseudonyms() -> Pseudonyms:
    return opener(PrivacySettings(key_file="room.key"))


def names_of_the_night() -> set[str]:
    """Every id, handle, name and description that is in the posts."""
    found: set[str] = set()
    for one in short_night.posts():
        found |= {one.author_id, one.ref_author_id or "", *(one.mentions or ())}
        for profile in (one.author, one.ref_author):
            if profile is not None:
                found |= {profile.handle or "", profile.description or ""}
    return {name for name in found if len(name) > 5}


def named_in(content: bytes, names: set[str]) -> set[str]:
    text = content.decode("utf-8", "replace")
    words = set(re.findall(r"\w+", text))
    return {name for name in names if name in words or (" " in name and name in text)}


# -- the door --------------------------------------------------------------------------------------


def test_nothing_that_is_kept_names_an_account_and_the_cases_are_the_same(folder):
    names = names_of_the_night()
    plain, told = read_alerts("plain.jsonl"), read_alerts("alerts.jsonl")
    assert named_in(Path("plain.jsonl").read_bytes(), names), "so that this test can fail"
    assert named_in(Path("plain.db").read_bytes(), names)
    for content in (Path("alerts.jsonl").read_bytes(), Path("alerts.db").read_bytes()):
        assert not named_in(content, names)

    def seen(alerts: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        data = [case.data for case in cases_of(alerts)]
        return sorted(
            (one["severity"], one["detectors"], one["group"]["accounts_total"], one["group"]["posts_total"])
            for one in data
            if one["status"] != "merged"  # which of two that are equal goes on is told by their ids
        )

    assert seen(told) == seen(plain)


def test_without_a_key_nothing_begins(folder, capsys):
    said = refused(capsys, "replay", "posts.jsonl", "--store", "a.db", "--set", "privacy.pseudonyms=true")
    assert "vigie privacy key" in said
    assert not Path("a.db").exists()


def test_a_file_that_is_no_key_is_refused_without_a_word_of_it(folder, capsys):
    Path("other.key").write_text("hunter2hunter2", encoding="utf-8")
    said = refused(capsys, "privacy", "name", "1", "--key-file", "other.key")
    assert "no key of Vigie" in said
    assert "hunter2" not in said


def test_a_key_is_for_its_owner_alone_and_never_written_over(folder, capsys):
    assert stat.S_IMODE(Path("room.key").stat().st_mode) == 0o600
    before = Path("room.key").read_bytes()
    assert "is there already" in refused(capsys, "privacy", "key", "room.key")
    assert Path("room.key").read_bytes() == before
    Path("room.key").chmod(0o644)
    vigie("privacy", "name", "1", "--key-file", "room.key")
    assert "others may read the key" in capsys.readouterr().err


def test_a_key_in_the_environment_is_never_shown(folder, capsys, monkeypatch):
    key = Path("room.key").read_text(encoding="utf-8").strip()
    monkeypatch.setenv("VIGIE_PRIVACY__KEY", key)
    vigie("config", "show")
    shown = capsys.readouterr().out
    assert key not in shown
    assert MASK in shown
    by_file = opener(PrivacySettings(key_file="room.key")).of("4711")
    assert opener(settings.load().privacy).of("4711") == by_file


def test_pseudonyms_are_no_setting_of_detection():
    plain = settings.load()
    other = msgspec.structs.replace(plain, privacy=PrivacySettings(pseudonyms=True))
    assert other.version() == plain.version()
    assert door(plain.privacy) is None


def test_refused_records_are_kept_without_what_they_say(folder):
    Path("posts.jsonl").write_bytes(b'{"id": "1", "author_id": "4711"}\nana says hello\n')
    vigie("replay", "posts.jsonl", "--format", "posts", "--config", "room.toml", "--rejects", "rejects.jsonl")
    rows = [orjson.loads(line) for line in Path("rejects.jsonl").read_bytes().splitlines()]
    assert [(row["line"], row["reason"], row["length"]) for row in rows] == [
        (1, "missing_field", 32),
        (2, "not_json", 14),
    ]
    assert set(rows[0]) == {"input", "line", "reason", "length", "blake2b"}


def test_lists_of_real_ids_are_in_force_of_posts_under_pseudonyms(folder):
    member = read_alerts("plain.jsonl")[-1]["data"]["group"]["accounts"][0]
    Path("desk.csv").write_text(
        f"account,kind,platform,reason,source\n{member},attributed,twitter,r,s\n", encoding="utf-8"
    )
    replay(folder, "listed", "room.toml", "--lists", "desk.csv")
    listed = [
        row["account"] for alert in read_alerts("listed.jsonl") for row in alert["data"]["group"]["listed"]
    ]
    assert set(listed) == {pseudonyms().of(member)}


# -- one case --------------------------------------------------------------------------------------


def test_the_key_opens_one_case_and_leaves_a_line_of_it(folder, capsys):
    plain = cases_of(read_alerts("plain.jsonl"))
    case = cases_of(read_alerts("alerts.jsonl"))[0].data
    flags = ["--alerts", "alerts.jsonl", "--key-file", "room.key", "--reason", "asked by the commission"]
    vigie("privacy", "open", case["case_id"], *flags, "--by", "mona", "--json")
    rows = orjson.loads(capsys.readouterr().out)
    accounts = {row["name"] for row in rows if row["role"] == "account"}
    assert any(accounts >= set(one.data["group"]["accounts"]) for one in plain)
    assert len(accounts) == case["group"]["accounts_total"]
    (line,) = Path("room.key.audit.jsonl").read_bytes().splitlines()
    noted = orjson.loads(line)
    assert (noted["by"], noted["case_id"], noted["reason"]) == (
        "mona",
        case["case_id"],
        "asked by the commission",
    )
    assert not named_in(line, accounts)


def test_nothing_is_opened_with_another_key_or_without_an_audit(folder, capsys):
    case_id = read_alerts("alerts.jsonl")[0]["data"]["case_id"]
    vigie("privacy", "key", "other.key")
    capsys.readouterr()
    flags = ["privacy", "open", case_id, "--alerts", "alerts.jsonl", "--reason", "r"]
    assert "no pseudonym that this key opens" in refused(capsys, *flags, "--key-file", "other.key")
    said = refused(capsys, *flags, "--key-file", "room.key", "--audit", "no/such/folder")
    assert "nothing is opened" in said
    assert not Path("other.key.audit.jsonl").exists()


# -- one person ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "alerts"])
def test_one_person_can_be_erased_and_the_others_stay(folder, capsys, name):
    log, db = f"{name}.jsonl", f"{name}.db"
    alerts = read_alerts(log)
    account = alerts[-1]["data"]["group"]["accounts"][0]
    real = pseudonyms().opened(account) or account
    others = set(alerts[-1]["data"]["group"]["accounts"][1:])
    Path("desk.csv").write_text(f"account,kind,reason,source\n{real},attributed,r,s\n", encoding="utf-8")
    assert named_in(Path(log).read_bytes(), {account})
    assert named_in(Path(db).read_bytes(), {account})
    places = ["--store", db, "--alerts", log, "--lists", "desk.csv", "--key-file", "room.key"]
    vigie("privacy", "erase", "--platform", "twitter", "--account", real, *places, "--json")
    said = orjson.loads(capsys.readouterr().out)
    assert said["erased"][db]["profiles"] == 1
    assert said["erased"][log]["alerts"] > 0
    assert any("The list desk has the account" in sentence for sentence in said["left"])
    for path in (log, db):
        content = Path(path).read_bytes()
        assert not named_in(content, {account, real}), path
        assert named_in(content, others) == others
    assert len(read_alerts(log)) == len(alerts), "still alerts"
    assert Store(db, write=False).last_ms()


def test_a_namesake_on_another_network_keeps_his_profile(folder):
    account = short_night.posts()[0].author_id
    vigie("privacy", "erase", "--platform", "mastodon", "--account", account, "--store", "plain.db")
    with closing(sqlite3.connect("plain.db")) as db:
        found = db.execute("SELECT 1 FROM profiles WHERE account = ?", (f"twitter\x1f{account}",)).fetchone()
    assert found


def test_a_hashtag_that_is_called_like_the_account_stays():
    person = Person("x", frozenset({"dupont"}))
    subjects = [{"kind": "hashtag", "value": "dupont"}, {"kind": "target", "value": "dupont"}]
    assert [one["kind"] for one in person.without({"subjects": subjects})["subjects"]] == ["hashtag"]


def test_erasing_asks_for_a_place_and_for_the_key_of_pseudonyms(folder, capsys):
    erase = ["privacy", "erase", "--platform", "x", "--account", "1"]
    assert "Say from where" in refused(capsys, *erase)
    needs = refused(capsys, *erase, "--store", "a.db", "--set", "privacy.pseudonyms=true")
    assert "give the key" in needs
    assert "There is no store" in refused(capsys, *erase, "--store", "a.db")


# -- how long --------------------------------------------------------------------------------------


@pytest.fixture
def stored(folder) -> Path:
    """A store that was begun long ago, as far as it knows."""
    with closing(sqlite3.connect("plain.db", isolation_level=None)) as db:
        db.execute("UPDATE begun SET at_ms = 0")
    return folder / "plain.db"


def counts(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        tables = ("posts", "text_keys", "profiles", "judged", "members", "alerts")
        return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def swept(path: Path, now_ms: int, **kept: float) -> dict[str, int]:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        return retention.sweep(db, RetentionSettings(**kept), now_ms)
    finally:
        db.close()


def test_each_kind_of_data_goes_after_its_own_time(stored):
    last_ms = short_night.posts()[-1].time_ms
    before = counts(stored)
    assert all(before.values())
    days = {"posts_days": 2.0, "profiles_days": 4.0, "cases_days": 6.0}
    assert not any(swept(stored, last_ms + DAY_MS, **days).values())
    assert counts(stored) == before

    assert swept(stored, last_ms + 3 * DAY_MS, **days)["posts"] > 0
    after = counts(stored)
    assert (after["posts"], after["text_keys"]) == (0, 0)
    assert {name: after[name] for name in ("profiles", "judged", "members", "alerts")} == {
        name: before[name] for name in ("profiles", "judged", "members", "alerts")
    }
    assert b"girouette" not in stored.read_bytes(), "no text is left, not even in free pages"

    swept(stored, last_ms + 5 * DAY_MS, **days)
    assert (counts(stored)["profiles"], counts(stored)["judged"]) == (0, before["judged"])
    swept(stored, last_ms + 7 * DAY_MS, **days)
    assert not any(counts(stored).values())


def test_only_what_is_older_goes(stored):
    middle_ms = short_night.posts()[0].time_ms + 30 * 60_000
    before = counts(stored)
    gone = swept(stored, middle_ms + DAY_MS, posts_days=1, profiles_days=1, cases_days=1)
    after = counts(stored)
    assert all(gone.values())
    assert all(0 < after[name] < before[name] for name in ("posts", "profiles", "judged", "alerts"))
    with closing(sqlite3.connect(stored)) as db:
        assert db.execute("SELECT min(tick) FROM judged").fetchone()[0] >= middle_ms
        assert db.execute("SELECT min(time) FROM alerts").fetchone()[0] >= instant(middle_ms)


def test_a_recording_of_years_ago_counts_from_the_day_of_its_replay(folder):
    store = folder / "plain.db"
    assert all(counts(store).values()), "the replay itself has swept nothing"
    assert not any(swept(store, clock_ms(), posts_days=1, profiles_days=1).values())
    assert swept(store, clock_ms() + 2 * DAY_MS, posts_days=1)["posts"] > 0


def test_whoever_opens_a_store_sweeps_it_and_so_does_the_command(stored, capsys):
    copy = stored.with_name("copy.db")
    copy.write_bytes(stored.read_bytes())
    Store(stored, write=False, kept=RetentionSettings())
    assert counts(stored)["profiles"] == 0
    capsys.readouterr()
    vigie("privacy", "sweep", str(copy), "--set", "retention.profiles_days=20000", "--json")
    gone = orjson.loads(capsys.readouterr().out)[str(copy)]
    assert gone["posts"] > 0 == gone["profiles"]
    assert counts(copy)["profiles"] > 0 == counts(copy)["posts"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("retention.posts_days=0", "retention.posts_days must be above 0"),
        ("retention.posts_days=400", "must not be above retention.cases_days"),
        ("kafka.retention_hours=800", "must not be longer than retention.posts_days"),
        ("privacy.posts=true", "needs privacy.pseudonyms"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting, said, capsys):
    assert said in refused(capsys, "config", "check", "--set", setting)


# -- Kafka and Redis -------------------------------------------------------------------------------


def test_alerts_leave_the_topic_after_the_time_of_cases_and_lists_never():
    rules = {one.name: one.rules for one in topics.wanted(KafkaSettings(), RetentionSettings(cases_days=40))}
    assert rules["alerts"]["cleanup.policy"] == "compact,delete"
    assert int(rules["alerts"]["retention.ms"]) == 40 * DAY_MS
    assert rules["verdicts"]["cleanup.policy"] == "compact"
    assert int(rules["dead-letters"]["retention.ms"]) == DAY_MS


def test_the_newest_revision_of_a_case_is_published_anew_without_the_person(kafka):
    room = KafkaSettings(bootstrap=kafka, prefix=f"p-{uuid.uuid4().hex[:8]}.", partitions=1)
    topics.create(room)
    alerts = short_night.told()[0]
    publish(room, alerts)
    data = cases_of(alerts)[0].data
    account = data["group"]["accounts"][0]
    assert data["case_id"] in privacy_erase.from_topic(room, Person("twitter", frozenset({account})))
    tail = Tail(room, "start")
    standing = {alert["data"]["case_id"]: alert for alert in tail.snapshot()}
    tail.close()
    assert not named_in(orjson.dumps(list(standing.values())), {account})
    assert standing[data["case_id"]]["data"]["revision"] == data["revision"]


def test_cases_in_redis_go_on_without_a_person_who_was_erased(redis_server):
    from redis import Redis  # noqa: PLC0415

    in_force = settings.load(None, flags=["near_duplicates.index_rows=4096"])
    in_force = msgspec.structs.replace(
        in_force,
        redis=msgspec.structs.replace(in_force.redis, url=redis_server),
        kafka=msgspec.structs.replace(in_force.kafka, prefix=f"e-{uuid.uuid4().hex[:8]}."),
    )
    pipeline = Pipeline(in_force)
    posts = [decode_line(line) for line in short_night.lines()]
    for _ in pipeline.feed(sorted(posts, key=canonical_order)):
        pass
    cases = pipeline.judge.changes(everything=True)
    finding = next(iter(Table(CaseFinding).read(cases)))[1].judged.finding
    member = finding.posts[0]
    platform, _, name = member.account.partition("\x1f")
    assert len(name) > 3
    space = f"vigie:{in_force.kafka.prefix}{in_force.worker.app}:cases.0"
    profile = {member.account: b"told"}
    with Redis.from_url(redis_server) as redis:
        for table, records in {**cases, "profiles": profile, "past_cases": profile}.items():
            redis.hset(f"{space}:{table}", mapping=records)
        found = privacy_erase.from_redis(in_force, Person(platform, frozenset({name})))
        assert (found.deleted, found.rewritten > 0) == (3, True)  # its look, profile and earlier cases
        kept = {table: redis.hgetall(f"{space}:{table}") for table in cases}
        redis.delete(*redis.keys(f"{space}:*"))
    assert "case_findings" not in found.named
    packed = b"".join(value for table in privacy_erase._OF_CASES for value in kept.get(table, {}).values())
    assert name.encode() not in packed
    assert member.post_id.encode() not in packed
    saved = {
        table: {key.decode(): value for key, value in records.items()} for table, records in kept.items()
    }
    other = Pipeline(in_force)
    other.judge.restore(saved)
    again = {key: one.judged.finding for key, one in Table(CaseFinding).read(saved)}
    for key, one in Table(CaseFinding).read(cases):
        assert again[key].accounts_total == one.judged.finding.accounts_total
        assert len(again[key].posts) == len(one.judged.finding.posts)


def test_a_person_called_like_a_word_of_the_records_breaks_none():
    case = CaseHead(1, 1, "open", [], 3, 0, 0, 0, 0, None, 0, None)
    packed = pack(case)
    person = Person("x", frozenset({"open"}))
    with pytest.raises(StateError):
        privacy_erase._rewritten("cases", packed, person, {"open": privacy_erase.ERASED})


def test_a_room_under_pseudonyms_holds_no_name_in_any_topic_nor_in_redis(make_room, folder, monkeypatch):
    room: Room = make_room(partitions=1)
    room.more |= {
        "VIGIE_PRIVACY__PSEUDONYMS": "true",
        "VIGIE_PRIVACY__KEY_FILE": str(folder / "room.key"),
        "VIGIE_RETENTION__PROFILES_DAYS": "2",
    }
    Path("night.jsonl").write_bytes(b"\n".join(encode_post(one) for one in STREAM))
    stranger = msgspec.structs.replace(STREAM[0], id="0", author_id="stranger-4711", text="ana says")
    write(room, "posts", encode_post(stranger), b"ana says no JSON")
    done = room.vigie("produce", "night.jsonl", "--canary-minutes", "0")
    assert done.returncode == 0, done.stderr
    del room.more["VIGIE_PRIVACY__KEY_FILE"]  # a worker needs none
    worker = room.worker()
    worker.ready()
    worker.until("vigie_worker_posts_total", lambda posts: posts == len(STREAM), outcome="processed")
    worker.covered()
    assert worker.stop() == 0, worker.text

    names = {one.author_id for one in STREAM if len(one.author_id) > 5}
    assert len(names) > 10
    tokens = re.compile(rb"[\w-]+")
    for topic in topics.TOPICS:
        ours = [record.value or b"" for record in room.records(topic) if topic != "posts" or record.headers]
        words = set(tokens.findall(b"\n".join(ours)))
        assert not words & {name.encode() for name in names}, topic
    letters = [orjson.loads(record.value) for record in room.records("dead-letters")]
    assert {letter["reason"] for letter in letters} == {"foreign_record"}
    assert set(letters[0]) == {"topic", "partition", "offset", "reason", "length", "blake2b"}
    assert any(FOUND.findall(str(alert)) for alert in room.alerts())

    from redis import Redis  # noqa: PLC0415

    with Redis.from_url(room.redis.url) as redis:
        keys = list(redis.keys(f"vigie:{room.kafka.prefix}*"))
        assert len(keys) > 5
        for key in keys:
            assert 0 < redis.pttl(key) <= 2 * DAY_MS, "it goes when no worker goes on with it"
        accounts = next(key for key in keys if key.endswith(b"accounts.0:accounts"))
        assert names.isdisjoint(field.decode().partition("\x1f")[2] for field in redis.hkeys(accounts))
        opening = opener(PrivacySettings(key_file=str(folder / "room.key")))
        person = Person("x", frozenset({opening.of(STREAM[-1].author_id)}))
        (key,) = person.keys
        assert redis.hexists(accounts, key)
        with pytest.raises(privacy_erase.InputError, match="stop all workers"):
            privacy_erase.from_redis(room.settings, person)
        later_ms = clock_ms() + 120_000
        monkeypatch.setattr(privacy_erase, "clock_ms", lambda: later_ms)
        assert privacy_erase.from_redis(room.settings, person).deleted > 0
        assert not redis.hexists(accounts, key)
        assert all(
            not redis.hexists(key_, f"{account_hash(key):016x}") for key_ in keys if b":album" in key_[-6:]
        )
    assert worker.ended() == 0
    again = room.worker()
    again.ready()
    again.until("vigie_worker_posts_total", lambda posts: posts == len(STREAM), outcome="processed")
    assert again.stop() == 0, (again.text, PATIENCE_S)
