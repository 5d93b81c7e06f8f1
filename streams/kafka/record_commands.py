"""What `vigie record` does."""

from __future__ import annotations

import argparse
from contextlib import closing

from detectors.alerts import instant
from streams import metrics, settings
from streams.kafka.recorder import RecordCollector, Recorder
from streams.stopping import stopping
from streams.telling import say


def record(chosen: argparse.Namespace) -> int:
    """`vigie record`: until Ctrl-C."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    with closing(Recorder(in_force, chosen.store)) as recorder, stopping() as stop:
        if chosen.metrics_port:
            metrics.serve(chosen.metrics_port, RecordCollector(recorder), host=chosen.metrics_host)
        begun = f"goes on at {instant(recorder.written_ms)}" if recorder.written_ms else "is new"
        say(f"recording into {chosen.store}, which {begun}.")
        recorder.follow(stop)
    say(
        f"{recorder.posts:,} posts, {recorder.judgements:,} judgements and {recorder.alerts:,} alerts were "
        "recorded."
    )
    if recorder.unreadable:
        say(f"{recorder.unreadable:,} records could not be read and were passed over.")
    return 0
