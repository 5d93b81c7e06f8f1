"""Protocol 13: recorded answers of networks, read line by line.

The files lie in `parser-samples/NETWORK/`. Each line must give posts, a known event or a counted
rejection, and none an exception; and ids above 2^53, which JSON numbers of many languages round, must be
those of the input to the last digit. The simple rule reads numbers as doubles.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from detectors.events import Change, Item, Post
from streams.evaluating.figures import Figure, Measured, rule, share
from streams.evaluating.protocol import Bench, Protocol
from streams.sources.formats import open_source
from streams.sources.opening import InputError, open_input

FORMATS = {
    "twitter_v1": "twitter-v1",
    "twitter_v2": "twitter-v2",
    "mastodon": "mastodon",
    "bluesky_jetstream": "jetstream",
    "twitter_io_archive": "io-archive",
}
"""The format of the files of each folder; of other folders it is guessed."""
_EXACT = 2**53
_DIGITS = re.compile(rb"\d{16,}")


class Read:
    """What reading one file gave."""

    def __init__(self, path: Path) -> None:
        self.content = b"".join(open_input(path))
        self.items: list[Item] = []
        self.rejected = self.events = 0
        self.failure = ""
        answered: set[int] = set()
        try:
            for batch in open_source(path, FORMATS.get(path.parent.name, "auto")):
                self.items += batch.posts
                self.events += batch.events
                self.rejected += len(batch.rejected)
                answered.update(batch.lines, (one.line for one in batch.rejected))
        except InputError:
            raise
        except Exception as problem:  # what this protocol is there to find
            self.failure = f"{type(problem).__name__}: {problem}"
        self.answered = len(answered) + self.events

    def ids(self) -> Iterator[str]:
        """The numeric ids above 2^53 of posts, authors and posts that these refer to."""
        for text in self._texts():
            if text is not None and text.isascii() and text.isdigit() and int(text) > _EXACT:
                yield text

    def _texts(self) -> Iterable[str | None]:
        for item in self.items:
            if isinstance(item, Post):
                yield from (item.id, item.author_id, item.ref_id, item.ref_author_id)
            elif isinstance(item, Change):
                yield from (item.post_id, item.author_id)


def measure(bench: Bench) -> Measured:
    """Every file of recorded answers."""
    read = {}
    for path in bench.folder.samples():
        bench.tell(path.name)
        read[f"{path.parent.name}/{path.name}"] = Read(path)
    lines = {name: _records(one) for name, one in read.items()}
    intact, rounded = [], []
    for one in read.values():
        written = {match.decode() for match in _DIGITS.findall(one.content)}
        ids = set(one.ids())
        intact.append((len(ids & written), len(ids)))
        rounded.append((sum(str(int(float(text))) == text for text in ids), len(ids)))
    seed = bench.seed
    failures = [f"{name}: {one.failure}" for name, one in read.items() if one.failure]
    return Measured(
        figures=[
            Figure(
                measure="files whose reading ended with an exception",
                value=len(failures),
                of=len(read),
                wanted="= 0",
                note="; ".join(failures),
            ),
            share(
                "lines that gave posts, an event or a counted rejection",
                [(min(read[name].answered, of), of) for name, of in lines.items()],
                "files",
                seed,
                wanted=">= 1",
            ),
            share(
                "ids above 2^53 that are those of the input",
                intact,
                "files",
                seed,
                wanted=">= 1",
                baselines=(rule("read as doubles", rounded, seed),),
            ),
        ],
        tables={
            "by file": [
                {
                    "file": name,
                    "lines": lines[name],
                    "posts": len(one.items),
                    "events": one.events,
                    "rejected": one.rejected,
                }
                for name, one in read.items()
            ]
        },
    )


def _records(read: Read) -> int:
    """Lines of JSON, or rows of a table without its header; a quoted cell may hold line breaks."""
    if read.content.lstrip()[:1] in (b"{", b"["):
        return read.content.rstrip(b"\n").count(b"\n") + 1
    text = read.content.decode("utf-8-sig", "replace")
    return sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) - 1


PROTOCOL = Protocol(
    number=13,
    name="input-formats",
    title="Input formats",
    needs=(("samples",),),
    measure=measure,
)
