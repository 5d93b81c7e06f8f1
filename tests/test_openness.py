"""What is shown apart because it says itself what it is, and why an operation cannot hide there."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from short_night import SCENARIO, told
from streams_of_posts import START_MS, batches, newsroom, person, post

from detectors.background import expected_share
from detectors.batches import Background
from detectors.case import Judged
from detectors.events import Post
from detectors.findings import Finding, Member, Subject, account_key
from detectors.genres import GENRES, GIVE_AWAY, LOADED_STEMS, LOADED_WORDS, SALE
from detectors.groups.hashtags import Hashtags
from detectors.groups.near_duplicates import NearDuplicates
from detectors.judging import Found, Judge
from detectors.lists import Entry, Lists
from detectors.open_groups import OpenGroups
from detectors.openness import OPEN_SHARE, OWN_SHARE, Openness, of_star, openness, telling
from detectors.pairs import Repeated
from detectors.severity import Assessment
from detectors.text import fold, read_entities
from streams import simulate as simulation
from streams.settings import Settings
from streams.simulate import parse_scenario, simulate

GIVE_AWAYS = (
    "GIVEAWAY! Follow @brightkettle and retweet for your chance to win a £50 voucher! Ends soon #giveaway",
    "#Competition time! RT & follow @brightkettle to win a family prize. Winner drawn at random on Sunday!",
    "I just entered the giveaway for a chance to win a new camera, enter here https://bright.example/c",
    "Concours : RT + follow @lapetiteboite pour tenter de gagner une console, tirage dimanche ! https://b.example",
    "Jeu-concours ! Suivez @lapetiteboite et commentez avec un ami pour gagner un cadeau #concours",
    "¡SORTEO! Sigue a @tiendaluna, retuitea y gana un premio. Ganador el viernes https://t.example #sorteo",
    "Gewinnspiel: Folgt @kaffeehaus, retweetet und gewinnt einen Gutschein. Teilnahme bis Mai #Gewinnspiel",
    "SORTEIO! Siga @lojazul, retweete e marque um amigo para ganhar um prêmio #sorteio",
    "Concorso! Segui @bottegarossa, tagga un amico e vinci un premio. Estrazione venerdì #concorso",
)
OTHERS = {
    "I vote for #LunaRossi #MTVHottest": "fandom_vote",
    "Voting for #TheGreyhounds for best group #KCA2021": "fandom_vote",
    "Je vote pour #LunaRossi comme artiste #NRJMusicAwards": "fandom_vote",
    "Scored 4,120 points in Bubble Harbour! Beat my score, play https://b.example": "shared_by_button",
    "J'ai obtenu 18 points au quiz des capitales, essaie de me battre https://q.example": "shared_by_button",
    "Ich habe 312 Punkte erreicht! Schaffst du mehr? Spiele https://p.example": "shared_by_button",
    "SALE! 40% discount on all shoes, buy now with free shipping https://s.example": "spam",
    "Soldes : -40% de réduction, achetez vos chaussures avec livraison gratuite https://s.example": "spam",
    "Follow everyone who retweets this and follow back, gain followers fast #teamfollowback": "spam",
    "Join the airdrop and claim your free tokens, register your wallet https://a.example #airdrop": "spam",
}
GIVE_AWAY_TEXT = GIVE_AWAYS[0]


def copies(*texts: str, copiers: int = 6, **more: object) -> Finding:
    """What the detector of copies finds of a few accounts that post these texts in turn."""
    posts = [
        post(f"p{n:02}", f"a{n}", 100 * n, texts[n % len(texts)], **more) for n in range(copiers * len(texts))
    ]
    return found(posts)


def found(posts: list[Post]) -> Finding:
    detector = NearDuplicates()
    findings = [finding for signals in batches(posts) for finding in detector.take(signals)[0]]
    findings += detector.finish(START_MS + 60_000)
    return findings[-1]


def kind(said: Openness | None) -> str | None:
    return said and said.kind


# -- what is open ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", GIVE_AWAYS, ids=lambda text: text.split()[0])
def test_a_give_away_is_open_in_six_languages(text: str) -> None:
    assert kind(openness(copies(text))) == "give_away"


@pytest.mark.parametrize(("text", "wanted"), OTHERS.items(), ids=lambda text: text.split()[0])
def test_votes_for_a_star_results_of_games_and_spam_are_open(text: str, wanted: str) -> None:
    assert kind(openness(copies(text))) == wanted


def test_the_sentence_has_figures_in_both_languages() -> None:
    said = openness(copies(GIVE_AWAY_TEXT))
    assert said is not None
    english, french = said.why
    assert english == (
        "all copies are one text, that of a give-away: so are 7 of its 13 different words, such as “chance”, "
        "“ends”, “follow”, “giveaway”, “retweet”"
    )
    assert "d'un jeu-concours" in french
    assert "7 de ses 13 mots" in french
    assert said.share == round(7 / 13, 4)


@pytest.mark.parametrize(("declaring", "wanted"), [(6, "declared"), (5, None)])
def test_most_accounts_must_declare_what_they_are(declaring: int, wanted: str | None) -> None:
    posts = [
        post(f"p{n}", f"a{n}", 100 * n, "The bridge at Castelmont is closed to lorries until Thursday night")
        for n in range(10)
    ]
    for n, one in enumerate(posts):
        one.author = newsroom() if n < declaring else person()
    said = openness(found(posts))
    assert kind(said) == wanted
    if said is not None:
        assert said.share == OPEN_SHARE
        assert said.why[0].startswith("6 of the 10 accounts say what they are")
        assert said.why[1].startswith("6 des 10 comptes disent ce qu'ils sont")


@pytest.mark.parametrize("text", [GIVE_AWAY_TEXT, *OTHERS])
def test_a_group_with_an_attributed_account_is_never_open(text: str) -> None:
    assert openness(copies(text), attributed=1) is None


def test_declared_accounts_are_not_open_with_an_attributed_one_among_them() -> None:
    finding = msgspec.structs.replace(copies(GIVE_AWAY_TEXT), declared=6)
    assert kind(openness(finding)) == "declared"
    assert openness(finding, attributed=1) is None


# -- hiding ----------------------------------------------------------------------------------------

positions = st.integers(0, 12)
loaded = st.sampled_from(sorted(LOADED_WORDS | set(LOADED_STEMS) - GIVE_AWAY.words))
strange_words = st.text("bcdfgklmnprstvz", min_size=4, max_size=12).filter(
    lambda word: not any(own in word for own in GIVE_AWAY.words)
)


def with_word(text: str, word: str, place: int) -> str:
    words = text.split()
    return " ".join([*words[:place], word, *words[place:]])


@given(word=loaded, place=positions, text=st.sampled_from(GIVE_AWAYS))
@settings(max_examples=60, deadline=None)
def test_one_accusing_or_political_word_makes_a_give_away_an_alert_again(
    word: str, place: int, text: str
) -> None:
    assert openness(copies(with_word(text, word, place), copiers=3)) is None


@given(name=strange_words, place=positions)
@settings(max_examples=40, deadline=None)
def test_a_second_account_makes_a_give_away_an_alert_again(name: str, place: int) -> None:
    assert openness(copies(with_word(GIVE_AWAY_TEXT, f"@{name}", place), copiers=3)) is None


@given(tag=strange_words, place=positions)
@settings(max_examples=40, deadline=None)
def test_another_hashtag_makes_a_give_away_an_alert_again(tag: str, place: int) -> None:
    assert openness(copies(with_word(GIVE_AWAY_TEXT, f"#{tag}", place), copiers=3)) is None


def test_two_accounts_that_are_both_led_to_are_one_too_many() -> None:
    text = "Giveaway! Follow @brightkettle and retweet with {} for your chance to win a prize #giveaway"
    assert kind(openness(copies(text.format("a friend")))) == "give_away"
    assert openness(copies(text.format("@ClaireBrenac"))) is None


def test_what_asks_for_nothing_is_no_give_away() -> None:
    text = "Giveaway! Your chance to win a prize, winner drawn at random on Sunday"
    assert openness(copies(text)) is None
    assert kind(openness(copies(f"{text}, follow us"))) == "give_away"


def test_a_hashtag_in_one_of_the_copies_is_enough() -> None:
    assert openness(copies(*[GIVE_AWAY_TEXT] * 5, f"{GIVE_AWAY_TEXT} #DiguesGate", copiers=1)) is None


def test_a_give_away_that_addresses_somebody_is_none() -> None:
    text = "Giveaway! Follow and retweet for your chance to win a prize, winner drawn at random on Sunday"
    assert kind(openness(copies(text))) == "give_away"
    assert openness(copies(f"@ClaireBrenac {text}")) is None
    assert openness(copies(f"{text} @ClaireBrenac")) is None
    assert openness(copies(*(f"@{name} {text}" for name in ("ana", "bob", "eve")))) is None


def test_a_reply_to_somebody_is_none_though_its_text_names_nobody() -> None:
    text = "Giveaway! Follow and retweet for your chance to win a prize, winner drawn at random on Sunday"
    assert openness(copies(text, mentions=["100200300"])) is None


def test_a_decoy_before_the_others_hides_nothing() -> None:
    decoy = "Giveaway! Follow and retweet for your chance to win a prize, winner drawn at random on Sunday"
    posts = [post("p00", "decoy", 0, decoy)]
    posts += [post(f"p{n:02}", f"a{n}", 100 * n, f"{decoy} with Brenac") for n in range(1, 30)]
    finding = found(posts)
    assert finding.template == decoy
    assert finding.accounts_total == 30
    assert openness(finding) is None


def test_letters_that_look_alike_hide_no_accusing_word() -> None:
    assert openness(copies(with_word(GIVE_AWAY_TEXT, "lіar", 9))) is None  # with a Cyrillic i
    assert openness(copies(with_word(GIVE_AWAY_TEXT, "MENTEÚR", 9))) is None


def operation_texts() -> list[str]:
    """What the operations of the simulator say."""
    path = Path(simulation.__file__).parent / "texts" / "operations.toml"
    grammar = tomllib.loads(path.read_text(encoding="utf-8"))
    scenario = tomllib.loads(SCENARIO)
    texts = [one["text"] for one in scenario["operation"] if "text" in one]
    plain = [text for texts in grammar.values() for text in texts if "{" not in text and len(text) > 25]
    return texts + plain


@pytest.mark.parametrize("text", operation_texts())
@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: genre.named[0])
def test_no_text_of_an_operation_is_a_genre_s_own(genre, text: str) -> None:
    assert telling(genre, text) is None


@given(text=st.sampled_from(operation_texts()), seed=st.integers(0, 999), genre=st.sampled_from(GENRES))
@settings(max_examples=300, deadline=None)
def test_to_hide_a_text_one_must_add_half_as_many_words_as_it_has(text: str, seed: int, genre) -> None:
    strange = set(fold(read_entities(text).slotted).split()) - genre.words
    rng = random.Random(seed)
    added = rng.sample(sorted(genre.words), k=min(len(genre.words), -(-len(strange) // 2) - 1))
    own = set(fold(text).split()) & genre.words
    if len(own) + len(added) < len(strange) * OWN_SHARE / (1 - OWN_SHARE):
        assert telling(genre, f"{text} {' '.join(added)} {{number}} {{link}}") is None


def test_a_sale_without_its_link_is_none() -> None:
    text = "SALE! 40% discount on all shoes, buy now with free shipping"
    assert telling(SALE, text) is not None
    assert openness(copies(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Sauvons la maternité de Pontarel, tous ensemble pour nos enfants !",
        "Turnout sharply down at five o'clock, first figures show https://paper.example/1 via @thepaper",
        "My cat has voted, my dog abstains and the fish wants a proxy. Copy this message to your wall.",
        "Let's win this together! Retweet if you agree and follow @ClaireBrenac for a better town",
        "Claim your country back, follow everyone who retweets this, patriots follow patriots, followers",
        "Nude pictures of Claire Brenac, click here before they are gone https://n.example",
    ],
)
def test_what_an_operation_could_say_of_itself_is_left_to_the_rules(text: str) -> None:
    assert openness(copies(text)) is None


# -- hashtags, and what has no words ---------------------------------------------------------------


def tagged(detector: str, tag: str, *other: str, posts: int = 20, without: int = 0) -> Finding:
    """A finding of a hashtag; all but `without` of its posts have the other hashtags too."""
    members = [
        Member(
            START_MS + n, f"p{n}", account_key("x", f"a{n}"), -1, (),
            (tag,) if n < without else (tag, *other), False, False, False,
        )
        for n in range(posts)
    ]  # fmt: skip
    return Finding(
        finding_id="f1",
        detector=detector,
        subjects=(Subject("hashtag", tag),),
        start_ms=START_MS,
        end_ms=START_MS + posts,
        judged_ms=START_MS + 5000,
        accounts=tuple(sorted(member.account for member in members)),
        accounts_total=posts,
        posts=tuple(members),
        posts_total=posts,
        template=None,
        evidence={},
        declared=0,
    )


@pytest.mark.parametrize("detector", ["hashtags", "rising"])
@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        ("giveaway", "give_away"),
        ("concours", "give_away"),
        ("kca2021", "fandom_vote"),
        ("followtrain", "spam"),
        ("diguesgate", None),
        ("giveawaygate", None),
        ("sale", None),
    ],
)
def test_a_hashtag_that_is_a_genre_s_own_is_open(detector: str, tag: str, wanted: str | None) -> None:
    said = openness(tagged(detector, tag))
    assert kind(said) == wanted
    if said is not None:
        assert said.share == 1
        assert f"#{tag}" in said.why[0]
        assert f"#{tag}" in said.why[1]


def test_a_hashtag_that_is_pushed_beside_a_give_away_s_stays_an_alert() -> None:
    assert openness(tagged("hashtags", "diguesgate", "giveaway")) is None
    assert openness(tagged("hashtags", "giveaway", "diguesgate")) is None
    assert openness(tagged("hashtags", "giveaway", "diguesgate", without=15)) is None
    assert kind(openness(tagged("hashtags", "giveaway", "diguesgate", without=16))) == "give_away"


COPIED = {"copied": 0.8, "co_reposted_posts": 0}


def star(detector: str = "hashtags", *beside: str, tag: str = "lunarossi", **more: object) -> Finding:
    """A finding of the hashtag of whom a vote is for."""
    return msgspec.structs.replace(
        tagged(detector, tag, *(beside or ("kca",))), **{"evidence": COPIED} | more
    )


@pytest.mark.parametrize("detector", ["hashtags", "rising"])
@pytest.mark.parametrize("without", [0, 20])
def test_the_hashtag_of_a_vote_is_open_with_and_without_a_star_s_beside_it(
    detector: str, without: int
) -> None:
    assert kind(openness(tagged(detector, "kca", "lunarossi", without=without))) == "fandom_vote"


@pytest.mark.parametrize(
    "beside",
    [("lunarossi", "brenac"), ("diguesgate",), ("brenaccorruption",), ("liarbrenac",), ("warondykes",)],
)
def test_the_hashtag_of_a_vote_is_an_alert_with_two_beside_it_or_a_loaded_one(
    beside: tuple[str, ...],
) -> None:
    assert openness(tagged("hashtags", "kca", *beside)) is None


def test_the_hashtag_of_a_vote_is_an_alert_where_posts_with_another_name_somebody() -> None:
    assert openness(naming(tagged("hashtags", "kca", "lunarossi"), 5)) is None
    assert kind(openness(naming(tagged("hashtags", "kca", "lunarossi"), 4))) == "fandom_vote"


def naming(finding: Finding, posts: int) -> Finding:
    """The same, but so many of its posts name an account."""
    members = [
        msgspec.structs.replace(member, targets=("ClaireBrenac",)) if n < posts else member
        for n, member in enumerate(finding.posts)
    ]
    return msgspec.structs.replace(finding, posts=tuple(members))


VOTE = "I vote for #LunaRossi for best group at the #KCA"


def vote(text: str = VOTE, copiers: int = 10, **more: object) -> Finding:
    """The copies of a vote's text, by half as many accounts as `star` has."""
    return msgspec.structs.replace(copies(text, copiers=copiers), **more)


def known(finding: Finding, *others: Finding) -> str | None:
    """Why a finding is open after the others were judged."""
    groups = OpenGroups()
    for one in others:
        said = openness(one) or groups.known(one)
        groups.take(Judged(one, Assessment(30, "notice", (), said, ())))
    return kind(openness(finding) or groups.known(finding))


def test_the_hashtag_of_a_star_is_open_where_the_vote_for_it_was_read() -> None:
    assert known(star(), vote()) == "fandom_vote"
    said = of_star(star(), VOTE)
    assert said is not None
    assert said.why[0] == (
        "100% of the posts shown have the hashtag of a vote for an award beside #lunarossi and no third, and "
        "their text is that of the vote"
    )
    assert "à côté de #lunarossi" in said.why[1]


@pytest.mark.parametrize(
    "others",
    [
        (),
        (vote(copiers=9),),
        (vote("I vote for #NovaDuo for best group at the #KCA"),),
        (vote("Look at what Brenac has done to all of us over there #LunaRossi #KCA"),),
        (
            vote(),
            vote("Look at what Brenac has done to all of us #LunaRossi #KCA", finding_id=vote().finding_id),
        ),
        (vote(end_ms=START_MS - 1),),
        (star(declared=20),),
    ],
    ids=["nothing", "too few", "for another", "no vote", "no vote any more", "long ago", "newsrooms"],
)
def test_a_push_beside_a_vote_s_hashtag_stays_an_alert_where_no_vote_was_read(
    others: tuple[Finding, ...],
) -> None:
    assert known(star(), *others) is None


@pytest.mark.parametrize(
    "evidence",
    [
        {"copied": 0.79, "co_reposted_posts": 0},
        {"copied": None, "co_reposted_posts": 0},
        {"copied": 1.0, "co_reposted_posts": 1},
        {},
    ],
    ids=["own words", "all are reposts", "shared reposts", "nobody knows"],
)
def test_a_star_s_hashtag_stays_an_alert_where_its_words_are_read_nowhere(evidence: object) -> None:
    assert known(star(evidence=evidence), vote()) is None


@pytest.mark.parametrize("tag", ["diguesgate", "brenaccorruption", "brenacliar", "vote", "fan"])
def test_a_loaded_or_common_word_is_no_star(tag: str) -> None:
    assert of_star(star(tag=tag), f"I vote for #{tag} for best group at the #KCA") is None


def test_a_star_s_hashtag_stays_an_alert_beside_any_other_than_a_vote_s() -> None:
    assert known(star("hashtags", "giveaway"), vote()) is None
    assert known(star("hashtags", "kca", "brenac"), vote()) is None
    assert known(naming(star(), 5), vote()) is None
    mixed = msgspec.structs.replace(tagged("hashtags", "lunarossi", "kca", without=5), evidence=COPIED)
    assert known(mixed, vote()) is None


def test_posts_in_own_words_beside_a_vote_s_hashtag_count_no_copies() -> None:
    posts = [
        post(f"p{n:02}", f"a{n}", 100 * n, f"All {chr(97 + n) * 6} that Brenac has left us #LunaRossi #KCA")
        for n in range(20)
    ]
    (signals,) = [one for one in batches(posts) if one.posts]
    pushed = [one.finding for one in Hashtags().take(signals) if one.subject == "lunarossi"]
    assert pushed[0] is not None
    assert known(pushed[0], vote(copiers=20)) is None
    posts = [post(f"p{n:02}", f"a{n}", 100 * n, VOTE) for n in range(20)]
    (signals,) = [one for one in batches(posts) if one.posts]
    voted = [one.finding for one in Hashtags().take(signals) if one.subject == "lunarossi"]
    assert voted[0] is not None
    assert known(voted[0], vote(copiers=20)) == "fandom_vote"


def test_a_rise_of_a_star_s_hashtag_is_open_while_the_hashtag_is() -> None:
    rise = star("rising", evidence={}, finding_id="f2")
    assert known(rise) is None
    assert known(rise, vote()) is None
    assert known(rise, vote(), star()) == "fandom_vote"
    assert known(msgspec.structs.replace(rise, detector="amplification"), vote(), star()) is None
    assert known(msgspec.structs.replace(rise, start_ms=star().end_ms + 1), vote(), star()) is None
    assert known(rise, vote(), star(), star(evidence={})) is None  # others have joined
    assert known(rise, star(declared=20)) is None  # newsrooms use it


@pytest.mark.parametrize(("attributed", "wanted"), [(False, "fandom_vote"), (True, None)])
def test_a_rise_with_an_attributed_account_is_not_open_by_its_hashtag(
    attributed: bool, wanted: str | None
) -> None:
    judged: list[Judged] = []
    judge = Judge(Settings(), on_judged=judged.append)
    for one in (vote(), star()):
        said = openness(one) or judge.open_groups.known(one)
        judge.open_groups.take(Judged(one, Assessment(30, "notice", (), said, ())))
    if attributed:
        judge.lists = Lists([Entry(account="a3", kind="attributed", reason="r", source="s", list="l")])
    evidence = {"posts": 20, "usual": 0.0, "minutes": 5, "deviations": 9.0, "busiest_share": 0.6}
    evidence |= expected_share([])
    rise = star("rising", evidence=evidence, finding_id="f2")
    list(judge.take(START_MS + 5000, Found([rise], []), Repeated([]), Background()))
    assert [(one.finding.detector, kind(one.assessment.openness)) for one in judged] == [("rising", wanted)]


def test_a_vote_may_be_for_somebody_and_not_for_two() -> None:
    assert kind(openness(copies("I vote for #LunaRossi #KCA"))) == "fandom_vote"
    assert openness(copies("I vote for #LunaRossi #Brenac #KCA")) is None
    assert openness(copies("I vote for #DiguesGate #KCA")) is None
    assert openness(copies("I vote for #BrenacCorruption #KCA")) is None
    assert openness(copies("I vote for #LiarBrenac #KCA")) is None


@pytest.mark.parametrize(
    "detector", ["co_sharing", "amplification", "targets", "listed", "sponsored", "fate"]
)
def test_other_detectors_see_no_words_and_are_open_only_if_declared(detector: str) -> None:
    finding = msgspec.structs.replace(copies(GIVE_AWAY_TEXT), detector=detector)
    assert openness(finding) is None
    assert kind(openness(msgspec.structs.replace(finding, declared=4))) == "declared"


def test_nothing_is_open_because_it_has_no_accounts() -> None:
    finding = msgspec.structs.replace(copies(GIVE_AWAY_TEXT), accounts=(), accounts_total=0)
    assert openness(finding) is None


# -- the operations of a night ---------------------------------------------------------------------


def test_no_finding_of_a_true_operation_is_open_and_the_party_s_releases_are() -> None:
    attackers: set[str] = set()
    for one in simulate(parse_scenario(SCENARIO, "short night"), 1):
        if one.truth is not None and one.truth.operation.startswith("case-"):
            made = msgspec.json.decode(one.line)
            attackers.add(account_key(made["platform"], made["author_id"]))
    _, judged = told()
    of_operations = [one.finding for one in judged if len(attackers & set(one.finding.accounts)) >= 3]
    assert {"near_duplicates", "hashtags", "amplification"} <= {one.detector for one in of_operations}
    assert [one.finding_id for one in of_operations if openness(one) is not None] == []
    assert {kind(openness(one.finding)) for one in judged} == {None, "declared"}
