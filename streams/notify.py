"""`vigie notify`: the receivers of the settings are told what the topic `alerts` says, or tried out."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from detectors.severity import Severity
from streams import metrics, settings
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka.notifier import Notifier
from streams.outputs.receivers import dead_letters
from streams.outputs.receivers.courier import channel_of
from streams.outputs.receivers.dispatch import DeliveryCollector, Dispatch
from streams.outputs.receivers.sending import Answer, send, session
from streams.outputs.receivers.settings import ReceiverSettings
from streams.outputs.receivers.trial import trial_alert
from streams.sources.opening import InputError
from streams.stopping import stopping
from streams.telling import say

_Receivers = Mapping[str, ReceiverSettings]
_AGAIN_S = 60.0
"""How long dead letters that are sent once more are tried."""
_LEAVING_S = 5.0
"""How long what is on its way is waited for at the end; the next run sends what is left."""


def notify(chosen: argparse.Namespace) -> int:
    """`vigie notify`."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    if not in_force.receivers:
        raise InputError("No receiver is set: write a table [receivers.NAME], see docs/receivers.md.")
    if chosen.test is not None:
        return _test(in_force.receivers, chosen.test, chosen.severity)
    if chosen.severity is not None:
        raise InputError("--severity is of a test: name a receiver with --test.")
    if chosen.again is not None:
        return _again(in_force.receivers, Path(chosen.again))
    return _follow(chosen, in_force)


def _test(receivers: _Receivers, name: str, severity: Severity | None) -> int:
    if name not in receivers:
        raise InputError(f"There is no receiver {name!r}; there is {', '.join(receivers)}.")
    receiver = receivers[name]
    answer = asyncio.run(_attempt(receiver, severity or receiver.severity))
    print(f"{name} {'has taken' if answer.is_good else 'did not take'} the test: {answer.said}")
    return 0 if answer.is_good else 1


async def _attempt(receiver: ReceiverSettings, severity: Severity) -> Answer:
    channel = channel_of(receiver)
    message = channel.message(trial_alert(severity, clock_ms()))
    assert message is not None, "a new case is news to every receiver"
    async with session() as opened:
        return await send(opened, channel.url, message, receiver.timeout_s)


def _again(receivers: _Receivers, path: Path) -> int:
    letters = dead_letters.exhume(path)
    _check_again(receivers, path, letters)
    # The newest of a case says all that those before it said.
    newest = {(letter.receiver, letter.alert["data"]["case_id"]): letter for letter in letters}
    say(f"sending {len(newest)} cases once more, for up to {_AGAIN_S:g} s.")
    dispatch = Dispatch(receivers, say)
    for letter in newest.values():
        dispatch.put_for(letter.receiver, letter.alert)
    dispatch.drain(_AGAIN_S)
    dispatch.abandon("it was sent once more, in vain")
    dispatch.close()
    dead = sum(courier.counts["dead"] + courier.counts["lost"] for courier in dispatch.couriers)
    print(f"{dead} cases are dead letters again." if dead else "All were delivered.")
    return 1 if dead else 0


def _check_again(receivers: _Receivers, path: Path, letters: list[dead_letters.Letter]) -> None:
    """Refuse letters to nobody, and to read the file that is written to."""
    for name in {letter.receiver for letter in letters} - set(receivers):
        raise InputError(f"{path} has letters to {name!r}, which is no receiver of the settings.")
    for name, receiver in receivers.items():
        place = dead_letters.place(name, receiver)
        if place.exists() and place.samefile(path):
            raise InputError(f"{path} is where new dead letters of {name} go: move it away first.")


def _follow(chosen: argparse.Namespace, in_force: Settings) -> int:
    with (
        closing(Dispatch(in_force.receivers, say)) as dispatch,
        closing(Notifier(in_force.kafka, dispatch, from_start=chosen.from_start)) as notifier,
        stopping() as stop,
    ):
        if chosen.metrics_port:
            metrics.serve(chosen.metrics_port, DeliveryCollector(dispatch), host=chosen.metrics_host)
        say(f"telling {', '.join(in_force.receivers)} of what comes.")
        notifier.follow(stop)
        if left := dispatch.drain(_LEAVING_S):
            say(f"{left} deliveries are left for the next run.")
    if notifier.unreadable:
        say(f"{notifier.unreadable:,} records of the topic are no alerts and were passed over.")
    return 0
