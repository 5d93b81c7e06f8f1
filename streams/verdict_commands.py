"""What `vigie case dismiss|confirm|retract|note` do: say something of a case, in a file or in the topic."""

from __future__ import annotations

import argparse
import getpass
import re

from detectors.alerts import instant
from detectors.verdicts import Verdict, VerdictKind
from streams import settings
from streams.case_alerts import CaseAlerts, find, heir
from streams.case_commands import told_cases
from streams.clock import clock_ms
from streams.command_inputs import moment_of
from streams.kafka import topics
from streams.kafka.room import publish_verdict
from streams.outputs.terminal import printable
from streams.sources.opening import InputError
from streams.telling import say
from streams.verdict_file import VerdictFile

KINDS: dict[str, VerdictKind] = {
    "dismiss": "dismissed",
    "confirm": "confirmed",
    "retract": "retracted",
    "note": "noted",
}
"""What each command makes of a case."""
_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000}
_LONGEST_DAYS = 36_500


def judge_case(chosen: argparse.Namespace) -> int:
    """`vigie case dismiss|confirm|retract|note`."""
    if (chosen.alerts is None) != (chosen.verdicts is None):
        raise InputError(
            "--alerts and --verdicts go together: the file that tells of the case, and the one that the "
            "verdict goes to. Without both, Kafka is asked and told."
        )
    cases = told_cases(chosen)
    case = find(cases, chosen.case)
    case_id, goes_on_as = case.data["case_id"], heir(cases, case)
    if goes_on_as != case_id:
        raise InputError(f"{case_id} was merged and goes on as {goes_on_as}: say it of that case.")
    verdict = _verdict(chosen, case)
    if chosen.verdicts is not None:
        VerdictFile(chosen.verdicts, say).append(verdict)
    else:
        kafka = settings.load(chosen.config, flags=chosen.set).kafka
        topics.check(kafka)
        publish_verdict(kafka, verdict)
    say(_in_force(verdict))
    return 0


def _verdict(chosen: argparse.Namespace, case: CaseAlerts) -> Verdict:
    reason = _text(chosen.reason).strip()
    if not reason:
        raise InputError("--reason is empty: say why, for whoever reads the case after you.")
    # After the newest alert, which stays what it was: so a replay changes nothing that was told before.
    after_ms = moment_of(case.newest["time"], "the time of the newest alert") + 1
    at_ms = after_ms if chosen.at is None else moment_of(chosen.at, "--at")
    found_at = case.data["detected_at"]
    if at_ms <= moment_of(found_at, "the time of detection"):
        raise InputError(f"--at {instant(at_ms)} is too early: the case was found at {found_at}.")
    until_ms = None
    if chosen.action == "dismiss":
        until_ms = at_ms + _length_ms(chosen.length) if chosen.length else None
        until_ms = moment_of(chosen.until, "--until") if chosen.until else until_ms
    if until_ms is not None and until_ms <= at_ms:
        raise InputError(f"The dismissal would end at {instant(until_ms)}, before it begins: change --until.")
    return Verdict(
        case_id=case.data["case_id"],
        kind=KINDS[chosen.action],
        reason=reason,
        at_ms=at_ms,
        until_ms=until_ms,
        by=_text(chosen.by if chosen.by is not None else _login()),
        said_ms=clock_ms(),
    )


def _text(text: str) -> str:
    """An argument as text that can be written: bytes that are none become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return ""


def _length_ms(text: str) -> int:
    """A length of time in milliseconds.

    >>> _length_ms("7d"), _length_ms("30m")
    (604800000, 1800000)
    """
    found = re.fullmatch(r"([0-9]{1,9})([dhm])", text)
    length = int(found[1]) * _UNITS_MS[found[2]] if found else 0
    if not 0 < length <= _LONGEST_DAYS * _UNITS_MS["d"]:
        raise InputError(f"--for {text!r} is no length of time: write it as 7d, 12h or 30m.")
    return length


def _in_force(verdict: Verdict) -> str:
    """What is in force now, in one sentence."""
    until = ""
    if verdict.kind == "dismissed":
        until = " for good" if verdict.until_ms is None else f" until {instant(verdict.until_ms)}"
    said = "has a note" if verdict.kind == "noted" else f"is {verdict.kind}{until}"
    by = f" by {verdict.by}" if verdict.by else ""
    return printable(f"{verdict.case_id} {said} from {instant(verdict.at_ms)} on{by}: {verdict.reason}")
