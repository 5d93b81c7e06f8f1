"""How clauses of the grammar become a post: openers, punctuation, tags, a person's style."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from random import Random

from .grammar import Grammar, capital, load_grammar

TOPICS = ("election", "local", "sport", "weather", "music", "food", "transport", "life")
_TOPIC_WEIGHTS = (0.26, 0.11, 0.12, 0.07, 0.08, 0.09, 0.09, 0.18)
_TOPIC_STEPS = list(accumulate(_TOPIC_WEIGHTS))
_ENDS = (".", ".", "", "", "", " !", "…", "...", ".", "!!")
_OPEN = frozenset("?!…,")
_NO_ACCENTS = str.maketrans("éèêëàâîïôöûùüçÉÈÀ", "eeeeaaiioouuucEEA")
_ELONGATED = ("trop", "très", "non", "oui", "merci", "so", "no", "thanks", "love", "bravo")


def draw_topic(rng: Random) -> str:
    """A topic of everyday talk, each with its own weight."""
    return TOPICS[min(bisect(_TOPIC_STEPS, rng.random()), len(TOPICS) - 1)]


class Composer:
    """Writes posts of one language.

    Parameters
    ----------
    lang : str
        "fr" or "en".
    variety : float
        Share of the texts that tell something more, which hardly anyone else has to tell.
    """

    def __init__(self, lang: str, variety: float = 0.0) -> None:
        self.lang = lang
        self._variety = variety
        self.grammar: Grammar = load_grammar(lang)
        self._tags = {topic: self.grammar.words(f"tags_{topic}") for topic in TOPICS}

    def post(self, topic: str, style: int, rng: Random) -> str:
        """One original post on `topic`, without tags and links, written in the style of its author."""
        random, expand = rng.random, self.grammar.expand
        text = expand(f"{topic}_clause", rng)
        if random() < 0.22:
            text = f"{expand('opener', rng)} {text}"
        more = random()
        if more < 0.3:
            text = self._join(text, expand("aside_clause", rng), rng)
        elif more < 0.5:
            text = self._join(text, expand(f"{topic}_clause", rng), rng)
        elif more < 0.8:
            text = self._join(text, expand(f"{topic}_clause", rng), rng)
            text = self._join(text, expand("aside_clause", rng), rng)
        return self.finish(text, style, rng)

    def reply(self, style: int, rng: Random) -> str:
        """The words of a reply, without the handle that it answers."""
        text = self.grammar.expand("reply_clause", rng)
        more = rng.random()
        if more < 0.35:
            text = self._join(text, self.grammar.expand("aside_clause", rng), rng)
        elif more < 0.92:
            text = self._join(text, self.grammar.expand("reply_clause", rng), rng)
            text = self._join(text, self.grammar.expand("aside_clause", rng), rng)
        return self.finish(text, style, rng)

    def quote(self, style: int, rng: Random) -> str:
        """The words above a quoted post."""
        text = self.grammar.expand("quote_clause", rng)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2))):
            text = self._join(text, self.grammar.expand("aside_clause", rng), rng)
        return self.finish(text, style, rng)

    def tags(self, topic: str, rng: Random) -> list[str]:
        """Hashtags without `#`: a few that everyone uses and a long tail that hardly anyone does."""
        random = rng.random
        if random() > (0.38 if topic == "election" else 0.17):
            return []
        chosen: list[str] = []
        for _ in range(1 + (random() < 0.35) + (random() < 0.12)):
            if random() < 0.35:
                tag = self.grammar.expand("rare_tag", rng)
            else:
                words = self._tags[topic]
                tag = words[int(len(words) * random() ** 2.2)]
            if tag not in chosen:
                chosen.append(tag)
        return chosen

    def finish(self, text: str, style: int, rng: Random) -> str:
        """The end of a text (punctuation, an emoji) and its author's habits of writing.

        `style` is a bit mask: 1 no capitals, 2 no accents, 4 no final stop, 8 stretches words.
        """
        if self._variety and rng.random() < self._variety:
            text = self._join(text, self.grammar.expand("story_clause", rng), rng)
        if text[-1] not in _OPEN and not style & 4:
            text += _ENDS[int(rng.random() * len(_ENDS))]
        if rng.random() < 0.2:
            text = f"{text} {self.grammar.expand('tail', rng)}"
        text = text.lower() if style & 1 else capital(text)
        if style & 2:
            text = text.translate(_NO_ACCENTS)
        if style & 8:
            for word in _ELONGATED:
                if f" {word} " in text:
                    text = text.replace(f" {word} ", f" {word}{word[-1] * 3} ", 1)
                    break
        return text

    def _join(self, first: str, second: str, rng: Random) -> str:
        way = rng.random()
        if first[-1] in _OPEN:
            return f"{first} {capital(second)}"
        if way < 0.5:
            return f"{first}. {capital(second)}"
        if way < 0.72:
            return f"{first}, {second}"
        if way < 0.86:
            return f"{first}… {second}"
        return f"{first} ! {capital(second)}" if self.lang == "fr" else f"{first}! {capital(second)}"
