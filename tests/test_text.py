"""What a copier changes cheaply does not make a text another one, and no text breaks the folding."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.text import (
    LINK,
    MENTION,
    NO_FINGERPRINT,
    NUMBER,
    fingerprint,
    fold,
    names_its_source,
    read_entities,
    template,
)

few = settings(max_examples=150, derandomize=True, deadline=None)

# Everything that Python can hold in a string: control characters and halves of characters too.
any_text = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cc", "Cf", "Mn", "So", "No"]),
        st.sampled_from("@#＠＃htps://w.rt0123456789,:\x01\x02\x03 aAéеο\u200b"),
    ),
    max_size=200,
)


def print_of(text: str):
    return fingerprint(read_entities(text), text)


def folded(text: str) -> str:
    return print_of(text).folded


FOLDS = {
    "case": ("UN Été À Lyon", "un ete a lyon"),
    "sharp s": ("Straße", "strasse"),
    "accents, composed": ("éàüñçôœ", "eaunco\u0153"),
    "accents, decomposed": ("e\u0301a\u0300u\u0308", "eau"),
    "stacked marks": ("c\u0334\u0310\u0352\u0332o\u0337\u0351u\u0336p", "coup"),
    "ligatures": ("ﬁn de l'aﬀaire", "fin de laffaire"),
    "zero width": ("vr\u200bai\u200cm\u200den\u2060t\ufeff", "vraiment"),
    "soft hyphen": ("extra\u00adordinaire", "extraordinaire"),
    "direction marks": ("\u202eabc\u202c", "abc"),
    "cyrillic": ("ѕсаndаlе", "scandale"),
    "cyrillic capitals": ("АВСЕНКМОРТХ", "abcehkmoptx"),
    "greek": ("νοtε ρour", "vote pour"),
    "zero for o": ("s0rt0ns", "sortons"),
    "one for l": ("1iberté à 1yon", "liberte a lyon"),
    "fullwidth": ("Ｖｏｔｅｚ", "votez"),
    "math bold": ("\U0001d415\U0001d428\U0001d42d\U0001d41e", "vote"),
    "math script": ("\U0001d4e5\U0001d4f8\U0001d4fd\U0001d4ee", "vote"),
    "double-struck": ("\U0001d54d\U0001d560\U0001d565\U0001d556", "vote"),
    "circled": ("ⓥⓞⓣⓔ", "vote"),
    "superscript": ("voteᵉ", "votee"),
    "dotless and stroked": ("ıłøđħŧ", "ilodht"),
    "punctuation": ("Non, non... NON !!! (non)", "non non non non"),
    "apostrophes": ("l'un l’un lʼun l`un l‘un", "lun lun lun lun lun"),
    "dashes and quotes": ("« oui » — “non”", "oui non"),
    "emoji": ("go \U0001f525\U0001f525 go \U0001f44d\U0001f3fd", "go go"),
    "emoji of a family": ("a \U0001f468\u200d\U0001f469\u200d\U0001f467 b", "a b"),
    "flag": ("a \U0001f1eb\U0001f1f7 b", "a b"),
    "spaces of every kind": ("a\u00a0b\u2003c\td\ne\u3000f", "a b c d e f"),
    "control characters": ("a\x00b\x07c\x7fd", "a b c d"),
    "half a character": ("ab\ud83dcd", "abcd"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "wanted"), FOLDS.values(), ids=FOLDS)
def test_a_text_is_folded(text, wanted):
    assert fold(text) == wanted


@pytest.mark.parametrize("text", [text for text, _ in FOLDS.values()], ids=FOLDS)
def test_a_text_is_folded_alike_whether_it_is_all_ascii_or_not(text):
    # One character out of ASCII that folds away must not change what happens to the others.
    assert fold(text + " \u2014") == fold(text)
    assert fold(text + " \U0001f525") == fold(text)


def test_folding_twice_is_folding_once_for_every_character():
    points = [*range(0x20000), *range(0xE0000, 0xE0200)]  # the rest are ideographs, or nothing yet
    once = {chr(point): fold(chr(point)) for point in points}
    assert [character for character, folded in once.items() if fold(folded) != folded] == []


@given(any_text)
@few
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@given(any_text)
@few
def test_a_fold_has_single_spaces_and_no_capital(text):
    once = fold(text)
    assert once == " ".join(once.split())
    assert once == once.casefold()


TOKENS = {
    "link": ("see https://a.invalid/x?y=1#z now", f"see {LINK} now"),
    "link without a scheme": ("see www.a.invalid/x now", f"see {LINK} now"),
    "link that touches a word": ("seehttps://a.invalid/x", f"see {LINK}"),
    "mention": ("so @ana says", f"so {MENTION} says"),
    "leading mentions": ("@ana @bob hello", f"{MENTION} {MENTION} hello"),
    "wide mention": ("＠ana hello", f"{MENTION} hello"),
    "mention of another server": ("hi @ana@social.example.org, you", f"hi {MENTION} you"),
    "mention in brackets": ("(@ana)", MENTION),
    "mail address": ("write to ana@example.org", "write to ana example org"),
    "number": ("7 of 12,500.75 at 12:30", f"{NUMBER} of {NUMBER} at {NUMBER}"),
    "digits in a word": ("covid19 g7", "covidl9 g7"),
    "hashtag": ("no #more of it", "no of it"),
    "wide hashtag": ("no ＃more of it", "no of it"),
    "hashtag of digits is a number": ("we are #1", f"we are {NUMBER}"),
    "anchor of a link is no hashtag": ("a https://a.invalid/#more b", f"a {LINK} b"),
    "html entity is no hashtag": ("rock &#39; roll", f"rock {NUMBER} roll"),
}


@pytest.mark.parametrize(("text", "wanted"), TOKENS.values(), ids=TOKENS)
def test_links_names_and_numbers_become_slots_and_tags_go(text, wanted):
    assert fold(read_entities(text).slotted) == wanted


def test_the_entities_are_those_of_the_text():
    found = read_entities("@ana and @bob@a.org: see https://a.invalid/x). #Débat #2017 #été2017")
    assert found.mentions == ("ana", "bob@a.org")
    assert found.links == ("https://a.invalid/x",)
    assert found.hashtags == ("Débat", "été2017")


BASE = "@ana Le boulanger oublie toujours 12 lanternes dans la charrette, avec @bob et moi"
CHEAP = {
    "upper case": BASE.replace("Le boulanger oublie", "LE BOULANGER OUBLIE"),
    "accents put in": BASE.replace("oublie", "oublié").replace("dans", "dâns"),
    "another name": BASE.replace("@ana", "@zoe_9"),
    "more leading names": "@kim @lou " + BASE,
    "no leading name": BASE.removeprefix("@ana "),
    "another inner name": BASE.replace("@bob", "@kim@social.example.org"),
    "another number": BASE.replace("12", "4 500"[2:]),
    "a long number": BASE.replace("12", "1.234.567,89"),
    "a link added": BASE + " https://a.invalid/abc",
    "a link before": "https://a.invalid/abc " + BASE,
    "a link inside": BASE.replace("dans", "www.a.invalid/x dans"),
    "hashtags added": "#vite " + BASE + " #debat #nuit",
    "punctuation": BASE.replace(",", " ;") + "!!! …",
    "emoji": BASE.replace("oublie", "\U0001f525 oublie") + " \U0001f602\U0001f602",
    "zero width": BASE.replace("boulanger", "bou\u200blan\u2060ger"),
    "cyrillic letters": BASE.replace("o", "\u043e").replace("a", "\u0430").replace("@\u0430n\u0430", "@ana"),
    "digits for letters": BASE.replace("boulanger", "b0u1anger"),
    "fullwidth": BASE.replace("lanternes", "ｌａｎｔｅｒｎｅｓ"),
    "mathematical letters": BASE.replace("moi", "\U0001d426\U0001d428\U0001d422"),
    "other spaces": BASE.replace(" ", "\u00a0 "),
    "lines": BASE.replace(" dans", "\n\ndans"),
    "RT by hand": "RT @paper: " + BASE,
    "MT by hand": "mt @paper " + BASE,
    "all at once": "RT @x: @kim LE boulanger 0ublie toujours 99 lanternés… dans \u200bla charrette; avec "
    "@lou et moi \U0001f525 #x https://a.invalid/1",
}


@pytest.mark.parametrize("text", CHEAP.values(), ids=CHEAP)
def test_a_cheap_edit_leaves_an_exact_copy(text):
    wanted = print_of(BASE)
    assert wanted.key
    assert print_of(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("oublie", "retrouve"),
        BASE.removesuffix(" et moi"),
        BASE.replace("12 ", ""),
        BASE.replace("avec @bob", "avec"),
    ],
)
def test_another_text_is_not_an_exact_copy(text):
    assert print_of(text).key != print_of(BASE).key


def test_rt_is_taken_off_only_as_the_mark_of_a_repost():
    assert folded("rt means retweet, as every child in this town knows").startswith("rt means")
    assert folded("RT @paper: it means retweet, as every child in this town knows").startswith("it means")


def test_a_short_text_is_told_by_its_tags_and_names_too():
    one, other = "Oui ! #VotezPourLaLune #DemainAuMarche", "Oui ! #VotezPourLaMer #DemainAuMarche"
    assert print_of(one).key
    assert print_of(one).folded == ""
    assert print_of(one).key != print_of(other).key
    assert print_of(one).key == print_of(one + " https://a.invalid/1").key


def test_a_text_too_short_to_say_anything_is_not_judged():
    for text in (
        "",
        "Oui !",
        "@ana merci",
        "https://a.invalid/a-very-long-address-indeed",
        "\U0001f525" * 50,
    ):
        assert print_of(text) == NO_FINGERPRINT


@given(any_text)
@few
def test_no_text_breaks_the_reading(text):
    entities = read_entities(text)
    fingerprint(entities, text)
    template(text, targets_vary=True)
    names_its_source(text)


LATIN_UNITS = [
    "a",
    "1.",
    "1",
    "@",
    "@a ",
    "#",
    "#1",
    "http://",
    "http://a ",
    "www.",
    "w",
    "rt @",
    "via ",
    "@a@b.",
    " ",
]
OTHER_UNITS = ["\u200b", "e\u0301", "\ud800", "\x01", "\U0001d415", "\U0001f525"]


@pytest.mark.parametrize("unit", LATIN_UNITS + OTHER_UNITS, ids=ascii)
def test_a_text_of_a_hundred_thousand_characters_is_read(unit):
    text = (unit * 100_000)[:100_000]
    for one in (text, text + "x"):
        print_of(one)
        template(one, targets_vary=False)
        names_its_source(one)


@pytest.mark.parametrize(
    ("text", "vary", "wanted"),
    [
        ("@ana  you owe 3 eggs https://a.invalid/1", True, "{@target} you owe {number} eggs {link}"),
        ("@ana you owe 3 eggs", False, "@ana you owe {number} eggs"),
        ("see @ana@a.org\nnow", True, "see {@target} now"),
        ("#1 in #Town", True, "#1 in #Town"),
        ("ana@example.org", True, "ana@example.org"),
        ("", True, ""),
    ],
)
def test_a_template_shows_the_slots(text, vary, wanted):
    assert template(text, targets_vary=vary) == wanted


@pytest.mark.parametrize(
    "text", ["Look via @paper", "RT @ana: yes", "lu sur @journal", "(par @ana)", "h/t @bob"]
)
def test_a_text_that_names_its_source_is_known(text):
    assert names_its_source(text)


@pytest.mark.parametrize("text", ["@ana I say so", "the depart @noon", "via the park", ""])
def test_a_text_that_names_a_person_names_no_source(text):
    assert not names_its_source(text)
