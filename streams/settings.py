"""Settings: defaults < TOML file < environment (`VIGIE_<SECTION>__<NAME>`) < flags."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from streams import privacy_settings
from streams.console import settings as console_settings
from streams.embedded import Settings
from streams.kafka.settings import MASK, masked, problems
from streams.outputs.receivers import settings as receivers_settings
from streams.sources.opening import InputError

PREFIX = "VIGIE_"
RECEIVERS = "receivers"


def load(
    path: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Settings:
    """The settings in force.

    Parameters
    ----------
    path : str or Path, optional
        A TOML file with a table for each stage, for example ``[hashtags]`` with ``window_minutes = 10``.
    environment : mapping, optional
        Variables to read instead of the process's own.
    flags : sequence of str, optional
        ``section.name=value``, stronger than all else.

    Raises
    ------
    InputError
        When the file cannot be read, or a name or value is not a setting.
    """
    tables: dict[str, dict[str, Any]] = _read(Path(path)) if path is not None else {}
    places = [str(path)] if path is not None else []
    variables = os.environ if environment is None else environment
    named = {
        name[len(PREFIX) :].lower().replace("__", ".", 1): value
        for name, value in sorted(variables.items())
        if name.startswith(PREFIX) and "__" in name
    }
    places += ["the environment"] * bool(named) + ["--set"] * bool(flags)
    named |= dict(_flag(flag) for flag in flags)
    for setting, value in named.items():
        section, _, name = setting.partition(".")
        table = tables.setdefault(section, {})
        if section == RECEIVERS and isinstance(table, dict):  # a table in it for each of them
            receiver, _, name = name.replace("__", ".", 1).partition(".")
            table = table.setdefault(receiver, {})
        if isinstance(table, dict):  # else it is refused below
            table[name] = value.split(os.pathsep) if setting == "lists.files" and value else value
    try:
        settings = msgspec.convert(tables, Settings, strict=False)
    except msgspec.ValidationError as problem:
        where = " or ".join(places)
        raise InputError(f"The settings in {where} are wrong: {problem}. See `vigie config show`.") from None
    _check(settings)
    return settings


def dump(settings: Settings) -> dict[str, dict[str, Any]]:
    """The settings as tables, as a TOML file would hold them; secrets are masked."""
    tables = masked(msgspec.to_builtins(settings))
    return tables | {RECEIVERS: receivers_settings.masked(tables[RECEIVERS])}


def sections(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Tables as a settings file names them: each receiver has one of its own.

    >>> sections({"time": {"tick_s": 5}, "receivers": {"desk": {"kind": "webhook"}}})
    {'time': {'tick_s': 5}, 'receivers.desk': {'kind': 'webhook'}}
    """
    receivers = {f"{RECEIVERS}.{name}": values for name, values in tables.get(RECEIVERS, {}).items()}
    return {section: values for section, values in tables.items() if section != RECEIVERS} | receivers


def toml_line(name: str, value: Any) -> str:
    """One setting as a line of a settings file. A masked one is a comment: it must not become the secret.

    >>> toml_line("prefix", "room-1."), toml_line("password", "********")
    ('prefix = "room-1."', '# password = "********"')
    """
    if value is None:  # which TOML cannot say
        return f"# {name} is not set"
    if isinstance(value, list | tuple):
        return f"{name} = {json.dumps(list(value), ensure_ascii=False)}"
    if not isinstance(value, str):
        return f"{name} = {str(value).lower() if isinstance(value, bool) else value}"
    # What JSON writes of a text, TOML reads, but for one character.
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"{'# ' if MASK in value else ''}{name} = {text}"


def _flag(flag: str) -> tuple[str, str]:
    setting, equals, value = flag.partition("=")
    if not equals or "." not in setting:
        # It is not said which part of it is the secret.
        if any(word in flag for word in ("password", "redis", "token", "privacy", "receivers")):
            raise InputError("--set of a secret must be written as --set redis.password=…")
        raise InputError(f"--set {flag!r} is no setting: write it as --set hashtags.window_minutes=10.")
    return setting.strip(), value.strip()


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"The settings file {path} cannot be read: {problem.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"The settings file {path} is not TOML: {problem}.") from None


def _bounds(settings: Settings) -> Iterator[tuple[bool, str]]:
    """What holds of all detectors alike: a bound is above 0, and so is a window; growth is above 1."""
    for section in settings.__struct_fields__:
        if section == RECEIVERS:
            continue
        values = msgspec.structs.asdict(getattr(settings, section))
        for name, value in values.items():
            if name == "growth":
                yield value > 1, f"{section}.growth must be above 1"
            elif name.startswith(("max_", "exact_", "min_acc", "min_obj")) or "window" in name:
                yield value > 0, f"{section}.{name} must be above 0"


def _check(settings: Settings) -> None:
    """Refuse values that would make no sense together."""
    rows = settings.near_duplicates.index_rows
    rules = [
        (settings.time.tick_s > 0, "time.tick_s must be above 0"),
        (settings.time.grace_s >= 0, "time.grace_s must not be negative"),
        (
            settings.cases.cooldown_s >= 0 and settings.cases.close_minutes > 0,
            "cases.cooldown_s must not be negative, and cases.close_minutes above 0",
        ),
        (settings.near_duplicates.window_minutes > 0, "near_duplicates.window_minutes must be above 0"),
        (
            min(settings.hashtags.exact_accounts, settings.hashtags.max_tags, settings.accounts.max_accounts)
            > 0
            and settings.near_duplicates.max_texts > 0,
            "the bounds (exact_accounts, max_tags, max_accounts, max_texts) must be above 0",
        ),
        (
            rows >= 64 and rows & (rows - 1) == 0,
            "near_duplicates.index_rows must be a power of two, 64 or more",
        ),
        (0.2 <= settings.near_duplicates.similarity <= 1, "near_duplicates.similarity must be 0.2 to 1"),
        (settings.near_duplicates.min_accounts >= 2, "near_duplicates.min_accounts must be 2 or more"),
        (
            settings.hashtags.long_window_minutes >= settings.hashtags.window_minutes > 0,
            "hashtags.long_window_minutes must not be below hashtags.window_minutes",
        ),
        (
            0 < settings.co_sharing.quick_s <= settings.co_sharing.window_s,
            "co_sharing.quick_s must be above 0, and co_sharing.window_s not below it",
        ),
        (
            settings.networks.chance > 0 and settings.sponsored.chance > 0 and settings.listed.chance > 0,
            "networks.chance, sponsored.chance and listed.chance must be above 0",
        ),
        (
            settings.rising.slot_minutes > 0
            and settings.rising.min_samples <= settings.rising.history_slots
            and settings.rising.min_stream_posts > 0,
            "rising.slot_minutes and rising.min_stream_posts must be above 0, and rising.min_samples at most "
            "rising.history_slots",
        ),
        *_bounds(settings),
    ]
    wrong = [sentence for holds, sentence in rules if not holds]
    wrong += problems(settings.kafka, settings.redis, settings.worker)
    wrong += console_settings.problems(settings.console)
    wrong += privacy_settings.problems(settings.privacy, settings.retention, settings.kafka.retention_hours)
    wrong += receivers_settings.problems(settings.receivers)
    if wrong:
        raise InputError(f"The settings are wrong: {wrong[0]}. See `vigie config show`.")
