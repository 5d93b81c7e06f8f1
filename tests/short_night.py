"""A short invented night with three operations and look-alikes, written to files once for all tests."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from detectors.case import Judged
from detectors.events import Post, decode_line
from streams.embedded import Pipeline
from streams.replay import Run, play
from streams.simulate import parse_scenario, simulate

SCENARIO = """
title = "A short night"
start = 2022-04-10T18:00:00Z
duration_minutes = 60

[ordinary]
posts_per_second = 0.8
accounts = 3000

[[lookalike]]
kind = "slogan"
name = "slogan"
at_minute = 5
duration_minutes = 45
posts = 60
text = "Sauvons la maternité de Pontarel !"
hashtag = "MaterniteEnVie"

[[lookalike]]
kind = "release"
name = "release"
at_minute = 5
duration_minutes = 50
organisation = "Agence Littoral Presse"
accounts = 10
releases = [
  "Grève suspendue à la compagnie des cars de Villebrume, reprise prévue jeudi matin, dit la direction.",
  "Le tribunal de Castelmont rendra sa décision sur la carrière de Mirebois le 14 avril.",
]

[[lookalike]]
kind = "debate"
name = "debate"
at_minute = 20
duration_minutes = 30
hashtag = "LeGrandDebat"
multiplier = 1.5

[[operation]]
kind = "amplify"
name = "case-a"
at_minute = 10
duration_minutes = 45
accounts = 60
source = "LaVoixDesQuais"
source_posts = 6
hashtag = "DiguesGate"
denouncers = 0.5
denouncer_posts = 4

[[operation]]
kind = "leak"
name = "case-c"
at_minute = 15
duration_minutes = 40
accounts = 150
posts = 500
hashtag = "DelbreuilLeaks"
link = "https://files.open-mirror.example/delbreuil"

[[operation]]
kind = "insults"
name = "case-d"
at_minute = 10
duration_minutes = 40
accounts = 20
posts = 20
other_posts = 24
metronome_posts = 10
targets = ["ClaireBrenac", "HugoMarsanne", "Nina_Calvet_"]
text = "tu nous fais honte, espèce de girouette, personne ne te croit plus, rends l'argent et rentre chez toi"
"""


@lru_cache(maxsize=1)
def lines() -> tuple[bytes, ...]:
    """The night as normalised lines, in order of time."""
    return tuple(post.line for post in simulate(parse_scenario(SCENARIO, "short night"), 1))


@lru_cache(maxsize=1)
def posts() -> tuple[Post, ...]:
    """The night as posts."""
    return tuple(decode_line(line) for line in lines())


@lru_cache(maxsize=1)
def told() -> tuple[list[dict[str, Any]], list[Judged]]:
    """What the pipeline says of the night: the alerts as they are written, and all that was judged."""
    judged: list[Judged] = []
    alerts = play([list(posts())], Pipeline(on_judged=judged.append), Run())
    return [orjson.loads(orjson.dumps(alert)) for alert in alerts], judged
