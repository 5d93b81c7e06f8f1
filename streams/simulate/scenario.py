"""Scenario files: what is simulated, read from TOML and checked, with one clear sentence for a fault."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

MAX_PARTS = 1000  # ids of posts keep 10 bits for the part that makes them

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Some = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Minute = Annotated[float, Meta(ge=0)]
Lang = Annotated[str, Meta(pattern="^(fr|en)$")]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]*$")]
Tag = Annotated[str, Meta(pattern=r"^\w+$")]
Text = Annotated[str, Meta(min_length=1, max_length=1000)]


class ScenarioError(ValueError):
    """A scenario that cannot be played; the message is one sentence that names the bad key."""


class Ordinary(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Ordinary traffic: its mean rate over the scenario, its people and the shares of each kind of post."""

    posts_per_second: Positive = 5.0
    accounts: Some = 20_000
    french: Share = 0.8
    reposts: Share = 0.5
    replies: Share = 0.17
    quotes: Share = 0.06
    links: Share = 0.14
    headlines: Share = 0.048
    bots: Share = 0.004
    variety: Share = 0.0


class _Part(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, tag_field="kind"):
    """What every look-alike and operation has: its name in the truth, its start and length in minutes."""

    name: Name
    at_minute: Minute
    duration_minutes: Positive


class Slogan(_Part, tag="slogan", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One short sentence that many people post in the same words."""

    posts: Some
    text: Text
    hashtag: Tag | None = None
    lang: Lang = "fr"


class Headline(_Part, tag="headline", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A headline with its link and "via @paper", as a share button writes it."""

    posts: Some
    text: Text
    link: Text
    via: Tag
    lang: Lang = "fr"


class Release(_Part, tag="release", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same releases posted by many accounts of one organisation that say whose they are."""

    organisation: Text
    releases: Annotated[list[Text], Meta(min_length=1)]
    accounts: Some = 12
    lang: Lang = "fr"


class Debate(_Part, tag="debate", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A television debate: the whole rate is multiplied, everyone uses one hashtag, new accounts arrive."""

    hashtag: Tag
    multiplier: Annotated[float, Meta(gt=1)] = 4.0
    new_accounts: Share = 0.05
    reposts: Share = 0.5
    lang: Lang = "fr"


class Chain(_Part, tag="chain", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text that asks to be copied, and is: `edited` of the copies with a change of their own."""

    posts: Some
    text: Text
    edited: Share = 0.3
    lang: Lang = "fr"


class Scheduled(_Part, tag="scheduled", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts that say what they are and post on the minute: bots their readings, newsrooms headlines."""

    accounts: Some
    every_minutes: Positive = 15.0
    says: Literal["readings", "headlines"] = "readings"
    lang: Lang = "fr"


class Live(_Part, tag="live", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A match or a song contest: one hashtag, and at its `moments` everyone shouts the same `cries`."""

    posts: Some
    hashtag: Tag
    cries: Annotated[list[Text], Meta(min_length=1)]
    moments: Some = 4
    topic: Literal["sport", "music"] = "sport"
    reposts: Share = 0.4
    lang: Lang = "fr"


class Viral(_Part, tag="viral", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A joke of one person that thousands repost, some quote and some pass off as their own."""

    text: Text
    reposts: Some
    quotes: Count = 0
    copies: Count = 0
    lang: Lang = "fr"


class Shared(_Part, tag="shared", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text written for people to post: a give-away, a vote for a star, the result of a game, a sale.

    `{n}` in the text is each person's own number. Each account posts once, and some again and again; a share
    `reposts` of the posts are reposts of the account `asked_by` instead. `automated` accounts are young,
    hardly followed and sell something.
    """

    text: Text
    posts: Some
    accounts: Some
    hashtags: list[Tag] = []
    link: Text | None = None
    asked_by: Tag | None = None
    reposts: Share = 0.0
    automated: bool = False
    lang: Lang = "fr"


class Adverts(_Part, tag="adverts", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Promoted posts of ordinary advertisers, each with a page, a name, money and an audience of its own."""

    advertisers: Some
    posts: Some
    currency: Text = "EUR"
    lang: Lang = "fr"


class Fate(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What becomes of an operation's accounts: `suspended` of them at a minute that may lie after the end.

    All of them followed the public accounts `followed`, which lose these followers within that minute.
    """

    at_minute: Minute
    suspended: Some
    followed: list[Tag] = []


class Amplify(_Part, tag="amplify", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Automated accounts of one cohort repost one account within seconds; some push a hashtag (case A).

    `created_from` and `created_to` bound the cohort; without them it is November and December of the
    year before. `accounts_of` names an operation above whose accounts serve this one too.
    """

    accounts: Some
    accounts_of: Name | None = None
    theme: Literal["affair", "kingdom"] = "affair"
    source: Tag
    source_posts: Some
    hashtag: Tag
    reposts: Share = 0.6
    delay_seconds: Positive = 45.0
    denouncers: Share = 0.3
    denouncer_posts: Count = 3
    bystanders: Count = 0
    created_from: date | None = None
    created_to: date | None = None
    fate: Fate | None = None


class Leak(_Part, tag="leak", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A leak's hashtag pushed from nothing by bots, sleepers and foreigners (case C).

    With `silent_since`, the day of an earlier election, the sleepers posted on that day and not since, while
    a share `known` of the others, and as many ordinary people, were seen then and every two months after.
    Bots that look `bare` have hardly anything in their profile; `used` ones have posted, liked and followed.
    """

    accounts: Some
    posts: Some
    hashtag: Tag
    link: Text
    bots: Share = 0.184
    sleepers: Share = 0.12
    foreigners: Share = 0.85
    reposts: Share = 0.7
    silent_since: date | None = None
    known: Share = 0.1
    bots_look: Literal["used", "bare"] = "used"


class Insults(_Part, tag="insults", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Posts "@target + the same insults" from accounts of other languages and one client (case D).

    `fresh` of the accounts were made between `fresh_from` and `fresh_to`; without those, in January and
    February of the scenario's year. `posts` go to the first target, `other_posts` to the others; one account
    writes `metronome_posts` more, one a minute. `cover` is the natural posts of each account in between.
    """

    accounts: Some = 20
    posts: Some = 20
    other_posts: Count = 0
    metronome_posts: Count = 0
    targets: Annotated[list[Tag], Meta(min_length=1)]
    text: Text
    edited: Share = 0.5
    fresh: Count = 7
    fresh_from: date | None = None
    fresh_to: date | None = None
    cover: Count = 2
    client: Text = "Twitter Web Client"
    fate: Fate | None = None


class Sponsored(_Part, tag="sponsored", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Promoted posts of a foreign broadcaster that is banned from advertising meanwhile (case B).

    The `pages` promote `posts`, all before the minute of the ban but `after_ban`, for `spend` in all.
    """

    pages: Annotated[list[Tag], Meta(min_length=1)]
    payer: Text
    posts: Some
    spend: Positive
    currency: Text = "USD"
    audiences: Annotated[list[Text], Meta(min_length=1)]
    banned_at_minute: Minute
    after_ban: Count = 0
    lang: Lang = "en"


class Push(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A hashtag and a link that listed accounts push."""

    hashtag: Tag
    link: Text


class Listed(_Part, tag="listed", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts of a list, with a reason each, that push some hashtags and links more than others do (case B).

    A share `attributed` of them is listed as such, the others as amplifying. `pushing` is the share of their
    posts that hold a push; `bystanders` are posts of ordinary people with one, not labelled.
    """

    accounts: Some
    posts: Some
    pushes: Annotated[list[Push], Meta(min_length=1)]
    pushing: Share = 0.3
    attributed: Share = 0.7
    bystanders: Count = 0
    lang: Lang = "en"


LookAlike = Slogan | Headline | Release | Debate | Chain | Scheduled | Live | Viral | Shared | Adverts
Operation = Amplify | Leak | Insults | Sponsored | Listed
_PARTS: tuple[type[Struct], ...] = (*get_args(LookAlike), *get_args(Operation))


class Scenario(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One run: when it starts, how long it lasts, its ordinary traffic, its look-alikes and operations."""

    title: Text
    start: Annotated[datetime, Meta(tz=True)]
    duration_minutes: Positive
    ordinary: Ordinary = Ordinary()
    lookalike: list[LookAlike] = []
    operation: list[Operation] = []

    @property
    def start_ms(self) -> int:
        """The start in milliseconds since the epoch."""
        return int(self.start.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        """The end in milliseconds since the epoch; no post is later."""
        return self.start_ms + int(self.duration_minutes * 60_000)


def shipped() -> list[str]:
    """Names of the scenarios that ship with the package.

    >>> "election-night" in shipped()
    True
    """
    folder = resources.files("streams.simulate") / "scenarios"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """The scenario of that name, or of that TOML file.

    Raises
    ------
    ScenarioError
        When there is none, or a key of it is wrong; the message is one sentence for the user.
    """
    name = str(name_or_path)
    if name in shipped():
        text = (resources.files("streams.simulate") / "scenarios" / f"{name}.toml").read_text("utf-8")
        return parse_scenario(text, name)
    if not name.endswith(".toml"):
        raise ScenarioError(
            f"There is no scenario {name!r}: use one of {', '.join(shipped())}, or the path of a .toml file."
        )
    try:
        text = Path(name).read_text("utf-8")
    except OSError as problem:
        raise ScenarioError(f"The scenario file {name} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"The scenario file {name} is not UTF-8 text.") from None
    return parse_scenario(text, name)


def parse_scenario(text: str, name: str) -> Scenario:
    """The scenario that a TOML text describes; `name` is what messages call it.

    Raises
    ------
    ScenarioError
        When the text is not TOML or a key is wrong.
    """
    try:
        record = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ScenarioError(f"The scenario {name} is not valid TOML: {problem}.") from None
    try:
        scenario = msgspec.convert(record, Scenario)
    except msgspec.ValidationError as problem:
        raise ScenarioError(f"In the scenario {name}, {_sentence(str(problem), record)}.") from None
    _check(scenario, name)
    return scenario


_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def _sentence(message: str, record: dict[str, Any]) -> str:
    found = _PATH.match(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    what = what[0].lower() + what[1:]
    where: list[str] = []
    part: Any = record
    for key, index in _STEP.findall(path):
        if index:
            part = part[int(index)]
            label = part.get("name") if isinstance(part, dict) else None
            where[-1] += f" {label!r}" if label else f" number {int(index) + 1}"
        else:
            part = part.get(key) if isinstance(part, dict) else None
            where.append(f"[{key}]" if isinstance(part, dict | list) else f"the key {key!r}")
    what = _plain(what)
    return f"at {', '.join(where)}: {what}" if where else what


_WORDS = {
    "object contains unknown field": "there is an unknown key",
    "object missing required field": "a required key is missing:",
    "`datetime` with a timezone component": "a date and time with its zone, such as 2022-04-10T17:00:00Z",
    "`datetime`": "a date and time",
    "`date | null`": "a date",
    "`int`": "a whole number",
    "`float`": "a number",
    "`str | null`": "a text",
    "`str`": "a text",
    "`array`": "a list",
    "`object`": "a table",
    "`bool`": "true or false",
    "`": "'",
}
_UNKNOWN_KEY = re.compile(r"unknown key '(\w+)'$")


def _plain(what: str) -> str:
    """What msgspec found wrong, in the words of someone who edits TOML."""
    for technical, plain in _WORDS.items():
        what = what.replace(technical, plain)
    if what.startswith("invalid value"):
        kinds = (str(part.__struct_config__.tag) for part in _PARTS)
        return f"{what}; the kinds are {', '.join(kinds)}"
    unknown = _UNKNOWN_KEY.search(what)
    tables: tuple[type[Struct], ...] = (Scenario, Ordinary, Fate, Push, *_PARTS)
    known = {field for table in tables for field in table.__struct_fields__}
    close = difflib.get_close_matches(unknown[1], sorted(known), 1) if unknown else []
    return f"{what} (did you mean '{close[0]}'?)" if close else what


def _check(scenario: Scenario, name: str) -> None:
    ordinary = scenario.ordinary
    if ordinary.reposts + ordinary.replies + ordinary.quotes > 1:
        raise ScenarioError(
            f"In the scenario {name}, at [ordinary]: 'reposts', 'replies' and 'quotes' sum to more than 1."
        )
    if not 2010 <= scenario.start.year < 2100:
        raise ScenarioError(f"In the scenario {name}, at the key 'start': the year is not 2010 to 2099.")
    if len(scenario.lookalike) + len(scenario.operation) > MAX_PARTS:
        raise ScenarioError(f"The scenario {name} has more than {MAX_PARTS} look-alikes and operations.")
    seen: dict[str, LookAlike | Operation] = {}
    for part in (*scenario.lookalike, *scenario.operation):
        where = f"In the scenario {name}, at {part.name!r}"
        if part.name in seen:
            raise ScenarioError(f"{where}: the key 'name' is used twice.")
        if part.at_minute + part.duration_minutes > scenario.duration_minutes:
            raise ScenarioError(
                f"{where}: 'at_minute' plus 'duration_minutes' lies after the scenario's end."
            )
        for problem in _problems(part, scenario, seen):
            raise ScenarioError(f"{where}: {problem}.")
        seen[part.name] = part


def _problems(
    part: LookAlike | Operation, scenario: Scenario, above: dict[str, LookAlike | Operation]
) -> Iterator[str]:
    """What is wrong with one part beside the values of its keys."""
    if isinstance(part, Insults) and part.fresh > part.accounts:
        yield "'fresh' is more than 'accounts'"
    if isinstance(part, Leak):
        if part.bots + part.sleepers > 1:
            yield "'bots' and 'sleepers' sum to more than 1"
        if part.silent_since and part.silent_since >= scenario.start.date():
            yield "'silent_since' is not before the scenario's start"
    if isinstance(part, Amplify):
        if (part.created_from or date.min) > (part.created_to or date.max):
            yield "'created_from' is after 'created_to'"
        if part.accounts_of is not None and not isinstance(above.get(part.accounts_of), Amplify):
            yield "'accounts_of' names no operation 'amplify' above it"
    if isinstance(part, Amplify | Insults) and part.fate and part.fate.suspended > part.accounts:
        yield "'suspended' of its fate is more than 'accounts'"
    if isinstance(part, Sponsored) and part.after_ban > part.posts:
        yield "'after_ban' is more than 'posts'"
    if isinstance(part, Sponsored) and not (
        part.at_minute < part.banned_at_minute < part.at_minute + part.duration_minutes
    ):
        yield "'banned_at_minute' is not within it"
