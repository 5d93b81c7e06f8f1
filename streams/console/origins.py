"""Where the figures of a case come from: one sentence for each, in both languages."""

from __future__ import annotations

from typing import Literal

from detectors.rules.sentences import NBSP, Both
from streams.console.evidence import Origin

_ORIGINS: dict[str, Both] = {
    "score": (
        "Points of the rules that hold of the strongest finding, 0 to 100 (docs/severity.md).",
        "Points des règles que remplit le constat le plus fort, de 0 à 100 (docs/severity.md).",
    ),
    "relevance": (
        "How much of it is what the room's watch file names; it ranks cases of one severity, no more.",
        "Part de ce que nomme le fichier de veille de la salle, qui ne sert qu'à classer.",
    ),
    "accounts": (
        "Distinct accounts in all findings of the case, as its newest alert counts them.",
        "Comptes distincts de tous les constats de l'affaire, selon sa dernière alerte.",
    ),
    "posts": (
        "Posts of the largest finding of the case, as its newest alert counts them.",
        "Messages du plus grand constat de l'affaire, selon sa dernière alerte.",
    ),
    "window": (
        "From the first to the newest post that a finding of the case counts.",
        "Du premier au dernier message que compte un constat de l'affaire.",
    ),
    "minutes": (
        "An estimate from the alerts: what they count from revision to revision, by the minutes of the posts "
        "that they name; evenly where none is named.",
        "Une estimation tirée des alertes, soit ce qu'elles comptent de révision en révision, réparti selon "
        "les minutes des messages nommés, ou également si aucun ne l'est.",
    ),
    "template": (
        "What the texts of the strongest group of copies share; slots differ from copy to copy.",
        "Ce que partagent les textes du plus fort groupe de copies, hors les mots qui varient.",
    ),
    "traits": (
        "What the accounts have in common more than comparable groups do, tested against chance.",
        "Ce que les comptes ont en commun plus que des groupes comparables, testé contre le hasard.",
    ),
    "targets": (
        "Accounts of one finding at most that name each target; posts are those in the store.",
        "Comptes d'un même constat, au plus, qui nomment chaque cible.",
    ),
    "network": (
        "Pairs that the findings name as evidence; else accounts and the subject of their finding.",
        "Paires que les constats donnent en preuve, sinon les comptes et le sujet de leur constat.",
    ),
    "fate": (
        "What the network said since of the accounts and posts of the case.",
        "Ce que le réseau a dit depuis des comptes et des messages de l'affaire.",
    ),
    "earlier": (
        "Closed cases of a warning or worse with some of the same accounts.",
        "Affaires closes, d'alerte ou plus, où figuraient une partie des mêmes comptes.",
    ),
    "bot_score": (
        "A weak sign of the numbers in a profile; it proves nothing about this account.",
        "Un indice faible, tiré des chiffres du profil, qui ne prouve rien de ce compte.",
    ),
}
_FROM_STORE: Both = (
    "From the store: what the members of the case posted in its window, and shares what it is about.",
    f"De la base locale{NBSP}: ce qu'ont publié les comptes de l'affaire sur son sujet et dans sa fenêtre.",
)
_FROM_ALERTS: Both = (
    "From the alerts of the case, which name 50 posts and 200 accounts at most: a lower bound.",
    f"Des alertes de l'affaire, qui nomment 50 messages et 200 comptes au plus{NBSP}: un minimum.",
)
_FROM_WORKERS: Both = (
    "From the workers' checkpoints, and from what they told each other of each post in the case's window.",
    "Des points de reprise des processus, et de ce qu'ils se sont dit de chaque message de la fenêtre.",
)
_OF_POSTS = {"store": _FROM_STORE, "workers": _FROM_WORKERS, "alerts": _FROM_ALERTS}
_BY_POSTS = ("timeline", "sample", "account_table")


def origins(of_posts: Origin | Literal["alerts"]) -> dict[str, dict[str, str]]:
    """One sentence for each figure; `of_posts` is who knows the posts of the case."""
    by_posts = dict.fromkeys(_BY_POSTS, _OF_POSTS[of_posts])
    return {name: {"en": said[0], "fr": said[1]} for name, said in (_ORIGINS | by_posts).items()}
