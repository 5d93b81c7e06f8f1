"""Sponsored posts: who paid how much, who pays although banned, and whose pages look like one payer's."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import need_data
from streams_of_posts import post
from test_state import Kept, check

from detectors.accounts.stage import Accounts
from detectors.batches import PromotionSignal, Signals, spread
from detectors.findings import Finding, Member, Subject
from detectors.groups import promoted_pages, same_payer
from detectors.groups.promoted_pages import Pages, parts_of
from detectors.groups.same_payer import SIGN_BITS, Likeness, compare, needed
from detectors.groups.sponsored import NOBODY, Sponsored, SponsoredSettings
from detectors.lists import Entry, Lists
from detectors.rules import sponsored as rules
from detectors.rules.sentences import NBSP, THIN
from detectors.severity import Assessment, assess
from streams import payers
from streams.evaluating.folder import Folder
from streams.evaluating.protocols import promoted_posts as figures

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = int(datetime(2016, 1, 4, tzinfo=UTC).timestamp() * 1000)
BANNED = int(datetime(2017, 10, 26, tzinfo=UTC).timestamp() * 1000)


def promoted(
    at_ms: int, page: str, payer: str | None = None, paid: str = "", *audiences: str, **more: Any
) -> PromotionSignal:
    """One promoted post; ``paid`` is an amount in hundredths and a currency, or one of them."""
    words = paid.split()
    spend = next((int(word) for word in words if word.isdigit()), None)
    currency = next((word for word in words if not word.isdigit()), None)
    declared = more.pop("declared", False)
    name = f"{page}.{at_ms}.{more.pop('number', 0)}"
    member = Member(START + at_ms, name, f"x\x1f{page}", -1, (), (), False, False, declared)
    impressions, banned_ms = more.pop("impressions", None), more.pop("banned_ms", None)
    assert not more
    return PromotionSignal(
        member, payer, spend, currency, tuple(sorted(set(audiences))), impressions, banned_ms
    )


def ticks(promotions: Iterable[PromotionSignal]) -> list[Signals]:
    """The signals of each tick, in canonical order."""
    held: dict[int, list[PromotionSignal]] = defaultdict(list)
    for one in sorted(promotions, key=lambda one: (one.member.time_ms, one.member.post_id)):
        held[(one.member.time_ms // 5000 + 1) * 5000].append(one)
    return [Signals(tick, [], [], [], [], [], promotions=held[tick]) for tick in sorted(held)]


def told(promotions: Iterable[PromotionSignal], detector: Sponsored | None = None) -> list[Finding]:
    """All findings, in order."""
    one = Sponsored() if detector is None else detector
    return [finding for signals in ticks(promotions) for finding in one.take(signals)]


def judged(finding: Finding) -> Assessment:
    return assess(finding, 0, 0)


def codes(finding: Finding) -> set[str]:
    return {reason.code for reason in judged(finding).reasons}


# -- a year of a foreign broadcaster's posts, and a ban -------------------------------------------------

CASE_B = ["broadcaster", "broadcaster_usa", "broadcaster_news"]
POSTS, DOLLARS = 1823, 274_000


def case_b() -> list[Any]:
    """Three accounts promote 1,823 posts for 274,000 dollars over a year, as a network would tell of them."""
    rng = random.Random(3)
    prices = [100 * DOLLARS // POSTS] * POSTS
    for number in range(100 * DOLLARS - sum(prices)):
        prices[number] += 1
    for _ in range(POSTS):  # some cost more, others less
        one, other = rng.sample(range(POSTS), 2)
        moved = rng.randrange(prices[one])
        prices[one] -= moved
        prices[other] += moved
    return [
        post(
            f"b{number}",
            CASE_B[number % 3],
            0,
            "The news of the day",
            created_at=START + number * (365 * DAY // POSTS),
            promoted={
                "payer": "Foreign  Broadcaster" if number % 7 else "FOREIGN BROADCASTER",
                "spend": price / 100,
                "currency": "USD",
                "audiences": ["United States", "readers of newspapers"],
                "impressions": 1000,
            },
        )
        for number, price in enumerate(prices)
    ]


def after_the_ban(number: int, hours: float, spend: float | None = 150.25) -> Any:
    return post(
        f"late{number}",
        CASE_B[number % 3],
        0,
        "Still the news",
        created_at=BANNED + int(hours * HOUR),
        promoted={"payer": "Foreign Broadcaster", "spend": spend, "currency": "USD"},
        author=None,
    )


def room(since_ms: int | None = BANNED) -> Accounts:
    """The accounts stage of a room whose list bans the broadcaster."""
    accounts = Accounts()
    accounts.lists = Lists(
        [
            Entry(
                account="foreign broadcaster",
                kind="banned",
                reason="refused as an advertiser",
                source="the network's announcement",
                list="payers",
                since_ms=since_ms,
            )
        ]
    )
    return accounts


def play(posts: list[Any], accounts: Accounts, detector: Sponsored) -> list[list[Finding]]:
    """The findings of each tick of a stream of posts."""
    promotions = accounts.take(posts[-1].time_ms + 5000, posts).signals().promotions
    assert len(promotions) == len(posts)
    return [detector.take(signals) for signals in ticks(promotions)]


def test_what_three_accounts_spent_in_a_year_is_right_to_the_cent():
    detector = Sponsored()
    assert not any(play(case_b(), room(), detector))
    (total,) = detector.totals()
    assert (total.payer, total.page, total.currency) == ("FOREIGN BROADCASTER", False, "USD")
    assert (total.posts, total.priced, total.pages) == (POSTS, POSTS, 3)
    assert total.spend == 100 * DOLLARS
    assert total.impressions == 1000 * POSTS
    assert total.audiences == (("United States", POSTS), ("readers of newspapers", POSTS))
    assert total.first_ms == START
    assert total.last_ms > START + 364 * DAY


def test_a_promotion_after_the_ban_is_a_warning_at_its_tick():
    detector, accounts = Sponsored(), room()
    play(case_b(), accounts, detector)
    assert not any(play([after_the_ban(0, -0.001)], accounts, detector))
    ((first,), (second,)) = play([after_the_ban(1, 10), after_the_ban(2, 60.5)], accounts, detector)
    assert first.judged_ms == BANNED + 10 * HOUR + 5000
    assert first.subjects == (Subject("payer", "Foreign Broadcaster"),)
    assert first.finding_id == second.finding_id
    assert [(one.posts_total, one.accounts_total) for one in (first, second)] == [(1, 1), (2, 2)]
    assert [member.post_id for member in second.posts] == ["late1", "late2"]
    assert second.evidence == {
        "banned_ms": BANNED,
        "days_since_ban": 2.52,
        "posts": 2,
        "pages": 2,
        "unpriced": 0,
        "spend_usd": 300.5,
        "all_posts": POSTS + 3,
        "all_spend_usd": DOLLARS + 450.75,
    }
    assert judged(first).severity == judged(second).severity == "warning"


def test_every_promotion_after_the_ban_is_told():
    detector, accounts = Sponsored(), room()
    found = play([after_the_ban(number, 1 + number / 4) for number in range(60)], accounts, detector)
    assert all(found)
    (last,) = found[-1]
    assert (last.posts_total, len(last.posts), last.posts[0].post_id) == (60, 50, "late0")


def test_an_account_that_says_what_it_is_may_not_promote_for_a_banned_payer_either():
    (finding,) = told([promoted(0, "page", "Some Paper", "100 EUR", banned_ms=START, declared=True)])
    assert not judged(finding).open
    assert judged(finding).severity == "warning"


def test_what_is_not_known_of_a_breach_is_not_invented():
    (finding,) = told([promoted(0, "page", "Some Paper", "", banned_ms=0)])
    assert (finding.evidence["banned_ms"], finding.evidence["days_since_ban"]) == (None, None)
    assert finding.evidence["unpriced"] == 1
    assert not [name for name in finding.evidence if "spend" in name]
    english, french = rules.SENTENCES["breach"](judged(finding).reasons[0].numbers)
    assert "it gives no date" in english
    assert "at a price that is not told" in english
    assert "sans date" in french


def test_a_payer_who_is_not_banned_is_none_of_a_list_s_business():
    detector = Sponsored()
    assert not any(play([after_the_ban(0, 10)], Accounts(), detector))
    assert detector.totals()[0].spend == 15_025


# -- totals ------------------------------------------------------------------------------------------


def test_currencies_are_never_added_and_a_missing_price_is_not_zero():
    detector = Sponsored()
    told(
        [
            promoted(0, "a", "Paper", "1000 USD", impressions=5),
            promoted(1, "b", "paper ", "2001 USD"),
            promoted(2, "a", "PAPER", "700 EUR"),
            promoted(3, "a", "Paper", "EUR"),
            promoted(4, "a", "Paper"),
        ],
        detector,
    )
    rows = [
        (total.currency, total.spend, total.posts, total.priced, total.impressions)
        for total in detector.totals()
    ]
    assert rows == [("EUR", 700, 2, 1, None), ("USD", 3001, 2, 2, 5), (None, None, 1, 0, None)]
    assert {(total.payer, total.pages) for total in detector.totals()} == {("Paper", 2)}


def test_where_nobody_is_named_each_page_is_counted_by_itself():
    detector = Sponsored()
    told([promoted(n, f"p{n % 2}", (None, " ")[n // 2 % 2], "500 EUR") for n in range(6)], detector)
    assert [(total.payer, total.page, total.spend) for total in detector.totals()] == [
        ("x\x1fp0", True, 1500),
        ("x\x1fp1", True, 1500),
    ]


AMOUNTS = st.lists(
    st.tuples(
        st.sampled_from(["Ana", "ana", "Bob", "Cyd", None]),
        st.sampled_from(["EUR", "USD", None, "?"]),
        st.none() | st.integers(0, 10**9),
    ),
    max_size=60,
)


@given(AMOUNTS)
@settings(max_examples=80, derandomize=True, deadline=None)
def test_totals_are_plain_sums_whatever_is_missing(amounts):
    detector = Sponsored()
    wanted: Counter[tuple[str, str | None]] = Counter()
    posts: Counter[tuple[str, str | None]] = Counter()
    for number, (payer, currency, spend) in enumerate(amounts):
        one = promoted(number * MINUTE, "page", payer, f"{'' if spend is None else spend} {currency or ''}")
        for signals in ticks([one]):
            detector.take(signals)
        key = payer.casefold() if payer else "x\x1fpage", currency if currency in ("EUR", "USD") else None
        posts[key] += 1
        wanted[key] += spend or 0
    totals = detector.totals()
    assert {(one.payer.casefold(), one.currency): one.posts for one in totals} == dict(posts)
    assert {(one.payer.casefold(), one.currency): one.spend or 0 for one in totals} == dict(wanted)
    for one, other in pairwise(totals):
        if one.currency == other.currency:
            assert (one.spend or 0) >= (other.spend or 0)


def test_payers_of_one_post_are_forgotten_first_and_counted():
    detector = Sponsored(SponsoredSettings(max_payers=100))
    told([promoted(n * MINUTE, "page", "Steady", "100 USD") for n in range(2)], detector)
    told([promoted(n * MINUTE, "page", f"Once {n}", "100 USD") for n in range(2, 500)], detector)
    totals = {total.payer: total.posts for total in detector.totals()}
    assert 90 <= len(totals) <= 100
    assert totals["Steady"] == 2
    assert totals["Once 499"] == 1
    assert detector.evicted == 499 - len(totals)  # and no page, since there is but one


def test_a_new_payer_finds_room_among_many_that_come_again():
    detector = Sponsored(SponsoredSettings(max_payers=40))
    told([promoted(n * MINUTE, "page", f"Again {n // 2}", "100 USD") for n in range(100)], detector)
    told([promoted((200 + n) * MINUTE, "page", "New", "100 USD") for n in range(2)], detector)
    assert {total.payer: total.posts for total in detector.totals()}["New"] == 2


def test_the_ranking_of_payers_is_one_for_each_currency():
    posts = [
        post(
            str(number),
            "page",
            number,
            "look",
            promoted={"payer": payer, "spend": spend, "currency": currency},
        )
        for number, (payer, spend, currency) in enumerate(
            [
                ("A", 10.1, "eur"),
                ("B", 20.2, "EUR"),
                ("A", 0.05, "USD"),
                ("A", 30.3, "EUR"),
                (None, None, None),
            ]
        )
    ]
    rows = payers.rank([posts[3:], posts[:3], [post("plain", "page", 9, "no promotion")]]).rows(2)
    shown = [(row["rank"], row["value"], row["spend"], row["currency"], row["posts"]) for row in rows]
    assert shown == [
        (1, "A", 40.4, "EUR", 2),
        (2, "B", 20.2, "EUR", 1),
        (1, "A", 0.05, "USD", 1),
        (1, "page", None, None, 1),
    ]
    assert [row["payer_named"] for row in rows] == [True, True, True, False]
    assert rows[0]["first"] < rows[0]["last"]
    for row in rows:
        assert all(isinstance(show(row), str) for show in payers.columns().values())


# -- pages that look like one payer's ----------------------------------------------------------------

INTERESTS = [f"interest {n}" for n in range(40)]


def ordinary(advertisers: int = 60, seed: int = 1, payers_named: float = 0.9) -> list[PromotionSignal]:
    """Advertisers of one country, who pay in its money for whom they happen to aim at, at working hours."""
    rng = random.Random(seed)
    made = []
    for number in range(advertisers):
        payer = f"Advertiser {number}" if rng.random() < payers_named else None
        for _ in range(rng.randint(1, 12)):
            at = rng.randrange(60) * DAY + 9 * HOUR + rng.randrange(540) * MINUTE
            aimed = ["United States", "18-65", *rng.sample(INTERESTS, rng.randint(1, 3))]
            made.append(promoted(at, f"ordinary{number}", payer, "1500 USD", *aimed))
    return made


def operation(
    pages: int = 4,
    days: Iterable[int] = range(5, 40, 5),
    payer: Any = lambda number: None,
    paid: str = "900 RUB",
    **more: Any,
) -> list[PromotionSignal]:
    """Pages that pay in a foreign currency, aim at the same few, and are fed in one go every few days."""
    return [
        promoted(
            day * DAY + 11 * HOUR + day % 7 * MINUTE + page,
            f"op{page}",
            payer(page),
            paid,
            "United States: Springfield",
            "18-65",
            "interest 3, interest 17",
            "veterans or hunters",
            **more,
        )
        for day in days
        for page in range(pages)
    ]


def network(promotions: list[PromotionSignal], detector: Sponsored | None = None) -> Finding:
    """The newest state of the only network that is found."""
    found = told(promotions, detector)
    assert found
    assert len({finding.finding_id for finding in found}) == 1
    return found[-1]


def test_pages_that_pay_aim_and_post_alike_are_one_network():
    finding = network(ordinary() + operation())
    assert finding.accounts == tuple(f"x\x1fop{page}" for page in range(4))
    assert finding.subjects == (NOBODY,)
    assert finding.evidence["links"] == len(finding.edges) == 3
    assert [finding.evidence[name] for name in ("currency", "targeting", "minutes")] == [3, 3, 3]
    edge = finding.edges[0]
    assert {subject.kind for subject in edge.shared} == {"currency", "minute", "audience"}
    assert edge.shared[0] == Subject("currency", "RUB")
    for name, posts in zip(("one", "other"), zip(*edge.posts, strict=True), strict=True):
        assert all(f"x\x1f{post_id.partition('.')[0]}" == getattr(edge, name) for post_id in posts)


def test_a_hidden_page_is_found_from_the_pages_of_a_payer():
    known = operation(payer=lambda page: "Known Payer" if page < 3 else None)
    finding = network(ordinary() + known)
    assert finding.subjects == (Subject("payer", "Known Payer"),)
    assert finding.accounts_total == 4
    assert finding.evidence["links"] == 1
    assert {finding.edges[0].one, finding.edges[0].other} & {"x\x1fop3"}


def test_the_pages_of_one_payer_alone_are_no_network():
    assert told(ordinary() + operation(payer=lambda page: "Known Payer")) == []


def test_a_network_alone_is_a_notice():
    few = operation(days=(5, 10), payer=lambda page: "Known Payer" if page < 3 else None)
    finding = network(ordinary(payers_named=0) + few)
    assert judged(finding).severity == "notice"
    assert codes(finding) == {"network"}


def test_hidden_pages_with_all_signs_where_others_name_their_payers_are_a_warning():
    finding = network(ordinary() + operation())
    assert codes(finding) == {"network", "concealed"}
    assert judged(finding).severity == "warning"


def test_hidden_pages_with_two_of_the_signs_stay_a_notice():
    apart = [
        one
        for page in range(4)
        for one in operation(pages=page + 1, days=range(5 + page, 40, 6))
        if one.member.account == f"x\x1fop{page}"
    ]
    finding = network(ordinary() + apart)
    assert (finding.evidence["minutes"], finding.evidence["unnamed"]) == (0, 4)
    assert judged(finding).severity == "notice"


def test_where_no_page_names_a_payer_nobody_hides_one():
    finding = network(ordinary(payers_named=0) + operation())
    assert judged(finding).severity == "notice"


def test_different_payers_of_pages_with_all_signs_are_a_warning():
    finding = network(ordinary(payers_named=0) + operation(payer=lambda page: f"Payer {page}"))
    assert finding.evidence["payers"] == 4
    assert [subject.value for subject in finding.subjects] == [f"Payer {page}" for page in range(4)]
    assert judged(finding).severity == "warning"


def test_a_banned_payer_makes_its_network_a_warning_at_once():
    posts = operation(days=(5, 10), payer=lambda page: "Known Payer" if page < 3 else None)
    late = promoted(11 * DAY + 1, "op0", "Known Payer", "900 RUB", banned_ms=START + 11 * DAY)
    *before, breach, finding = told([*ordinary(payers_named=0), *posts, late])
    assert judged(before[-1]).severity == "notice"
    assert breach.evidence["posts"] == 1
    assert finding.finding_id == before[-1].finding_id
    assert judged(finding).severity == "warning"
    assert "banned_payer" in codes(finding)


def test_a_network_keeps_its_id_and_is_told_again_when_it_has_grown():
    posts = ordinary() + operation(pages=4) + operation(pages=8, days=range(41, 60, 3))
    found = told(posts)
    assert len({finding.finding_id for finding in found}) == 1
    sizes = [finding.accounts_total for finding in found]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (4, 8)
    for one, other in pairwise(found):
        more = other.accounts_total >= 1.25 * one.accounts_total
        assert more or other.posts_total >= 1.25 * one.posts_total


def anglers() -> list[PromotionSignal]:
    """Other pages of the same kind, with other money, other interests and at other hours."""
    return [
        promoted(
            day * DAY + 15 * HOUR + day % 5 * MINUTE + page,
            f"other{page}",
            None,
            "700 TRY",
            "United States: Shelbyville",
            "anglers",
            "interest 30, fishing boats",
        )
        for day in range(7, 40, 6)
        for page in range(3)
    ]


def test_two_networks_that_turn_out_to_be_one_payer_s_go_on_as_the_older_one():
    names = [
        promoted(50 * DAY + 1, "op1", "The Payer", "900 RUB"),
        promoted(51 * DAY + 1, "other1", "The Payer", "700 TRY"),
    ]
    detector = Sponsored()
    found = told(ordinary() + operation() + anglers(), detector)
    assert len({finding.finding_id for finding in found}) == 2
    (*_, joined) = told(names, detector)
    assert joined.finding_id == found[0].finding_id
    assert joined.accounts_total == 7
    assert joined.subjects == (Subject("payer", "The Payer"),)


# -- and pages that only look like it ----------------------------------------------------------------


def shops(currency: str, *place: str, named: bool = True) -> list[PromotionSignal]:
    """Small shops of one town among a foreign stream, with the town's money and the town's interests."""
    rng = random.Random(5)
    made = []
    for number in range(25):
        trade = rng.choice(("bakers", "florists", "cyclists", "books"))
        for _ in range(rng.randint(2, 8)):
            at = rng.randrange(60) * DAY + 9 * HOUR + rng.randrange(540) * MINUTE
            payer = f"Shop {number}" if named else None
            made.append(promoted(at, f"shop{number}", payer, f"300 {currency}", *place, "18-65", trade))
    return made


@pytest.mark.parametrize("named", [True, False])
def test_shops_of_one_town_that_pay_in_its_money_are_no_network(named):
    assert told(ordinary() + shops("PLN", "Poland", "Smalltown", named=named)) == []


@pytest.mark.parametrize("named", [True, False])
def test_shops_of_a_town_whose_country_nobody_names_are_no_network(named):
    assert told(ordinary() + shops("PLN", "Smalltown", named=named)) == []


def agency(clients: int = 6, declared: bool = False, **alike: str) -> list[PromotionSignal]:
    """An agency that uploads the posts of all its clients in one go, each for its own people."""
    return [
        promoted(
            day * DAY + 10 * HOUR + (day % 9) * MINUTE + client,
            f"client{client}",
            f"Client {client}",
            alike.get("paid", "2000 USD"),
            "United States",
            alike.get("aimed", f"interest {client * 5}"),
            declared=declared,
        )
        for day in range(2, 58, 4)
        for client in range(clients)
    ]


def test_an_agency_s_clients_with_their_own_people_are_no_network():
    assert told(ordinary() + agency()) == []


def test_an_agency_abroad_whose_clients_declare_themselves_is_open_and_not_alerted():
    finding = network(ordinary() + agency(declared=True, paid="2000 GBP"))
    assert finding.declared == finding.accounts_total == 6
    assert judged(finding).open


def test_two_parties_and_their_friends_may_aim_at_the_same_interest():
    rng = random.Random(2)
    parties = [
        promoted(
            rng.randrange(60) * DAY + rng.randrange(1, 1440) * MINUTE,
            f"party{number % 8}",
            f"Party {number % 8}",
            "5000 USD",
            "United States",
            "politics of the island",
        )
        for number in range(200)
    ]
    assert told(ordinary() + parties) == []


def test_one_rare_interest_in_common_ties_nobody_even_with_foreign_money():
    rng = random.Random(2)
    collectors = [
        promoted(
            rng.randrange(60) * DAY + rng.randrange(1, 1440) * MINUTE,
            f"collector{number % 6}",
            None,
            "5000 CHF",
            "United States",
            "collectors of beetles",
        )
        for number in range(60)
    ]
    assert told(ordinary() + collectors) == []


def test_an_event_at_which_everyone_advertises_in_the_same_minute_ties_nobody():
    rng = random.Random(4)
    crowd = [
        promoted(
            day * DAY + 21 * HOUR + page,
            f"ordinary{page}",
            f"Advertiser {page}",
            "5000 RUB",
            "United States",
            *rng.sample(INTERESTS, 2),
        )
        for day in (10, 20, 30, 40)
        for page in range(same_payer.CROWD_PAGES + 5)
    ]
    assert told(ordinary() + crowd) == []


def likeness(promotions: Iterable[PromotionSignal], one: str, other: str) -> Likeness:
    """What two pages have in common after these posts."""
    pages = Pages()
    for promotion in promotions:
        pages.add(promotion)
    first, second = pages.get(f"x\x1f{one}"), pages.get(f"x\x1f{other}")
    assert first is not None
    assert second is not None
    found = compare(pages, first, second)
    assert found == compare(pages, second, first)
    least = needed(pages, 0.01)
    assert same_payer.alike(pages, first, second, least) == (found.signs > 1 and found.bits >= least)
    return found


def pair(currency: bool, targeting: bool, minutes: bool) -> Likeness:
    """What two pages show that have some of the three signs in common, among ordinary ones."""
    posts = []
    for day in range(5, 50, 5):
        for number in range(2):
            aimed = ("interest 3, interest 17", "veterans") if targeting or not number else ("interest 30",)
            at = day * DAY + 11 * HOUR + (0 if minutes else number * 7 * MINUTE) + MINUTE
            money = "900 RUB" if currency else "900 USD"
            posts.append(promoted(at, f"page{number}", None, money, "United States", *aimed))
    return likeness(ordinary() + posts, "page0", "page1")


@pytest.mark.parametrize("sign", range(3))
def test_each_sign_is_measured_by_itself_and_alone_is_never_enough(sign):
    found = pair(*(number == sign for number in range(3)))
    assert [bits > 0 for bits in found[:3]] == [number == sign for number in range(3)]
    assert found[sign] >= SIGN_BITS
    assert found.signs == 1


def test_all_signs_together_are_more_than_any_two():
    whole = pair(True, True, True)
    assert whole.signs == 3
    for left_out in range(3):
        assert pair(*(number != left_out for number in range(3))).bits < whole.bits


def test_two_signs_that_chance_gives_some_page_are_not_enough():
    others = [
        promoted(n * DAY + MINUTE, f"cook{n}", None, "9 USD", "United States", "beans", "peas")
        for n in range(5)
    ]
    weak = [
        promoted(n * DAY + n * MINUTE, f"weak{n % 3}", None, "900 RUB", "United States", "beans", "peas")
        for n in range(40, 52)
    ]
    assert likeness(ordinary() + others + weak, "weak0", "weak1").signs == 2
    assert told(ordinary() + others + weak) == []


@pytest.mark.parametrize("code", ["EUR", "USD"])
def test_dollars_and_euros_are_paid_everywhere(code):
    aimed = "United Kingdom"
    paid = [promoted(n * DAY + MINUTE, f"page{n}", None, f"900 {code}", aimed) for n in range(2)]
    assert likeness(ordinary() + paid, "page0", "page1").currency == 0


def test_foreign_money_that_many_named_payers_use_is_no_sign():
    neighbours = [
        promoted(n * DAY + MINUTE, f"neighbour{n}", f"Neighbour {n}", "400 RUB", "United States", f"town {n}")
        for n in range(60)
    ]
    assert likeness(ordinary() + operation(), "op0", "op1").currency > 6
    assert likeness(ordinary() + neighbours + operation(), "op0", "op1").currency == 0


def test_foreign_money_of_pages_that_name_nobody_may_be_all_of_one_payer_s():
    hidden = [
        promoted(n * DAY + MINUTE, f"hidden{n}", None, "400 RUB", "United States", f"town {n}")
        for n in range(60)
    ]
    assert likeness(ordinary() + hidden + operation(), "op0", "op1").currency > 6


def test_money_that_is_rare_in_the_stream_is_a_sign_unless_the_town_explains_it():
    def paid(town: str, shops: int) -> Likeness:
        posts = [
            promoted(n * DAY + n * MINUTE, f"{town}{n}", f"{town} {n}", "9 PLN", town) for n in range(shops)
        ]
        return likeness(ordinary() + posts, f"{town}0", f"{town}1")

    assert paid("Smalltown", 2).currency >= SIGN_BITS
    assert paid("Smalltown", 7).currency == 0


def test_money_at_home_is_no_sign_however_rare():
    posts = [promoted(n * DAY + n * MINUTE, f"page{n}", None, "9 PLN", "Poland") for n in range(2)]
    assert likeness(ordinary() + posts, "page0", "page1").currency == 0


def packed(alone: bool) -> Likeness:
    """Two pages that aim at the same pack of interests, which others use as a pack, or one by one."""
    pack = [f"pack {n}" for n in range(5)]
    posts = [promoted(n * DAY + n * MINUTE, f"page{n}", None, "", *pack) for n in range(2)]
    for n in range(20):
        aimed = pack if not alone and n < 4 else [pack[n % 5]] if alone else [f"own {n}"]
        posts.append(promoted((9 + n) * DAY + n * MINUTE, f"other{n}", None, "", *aimed))
    return likeness(ordinary() + posts, "page0", "page1")


def test_interests_that_come_in_packs_count_little_more_than_one():
    together, one_by_one = packed(alone=False), packed(alone=True)
    assert one_by_one.targeting > 2 * together.targeting > 0


def test_who_aims_in_many_ways_meets_others_sooner():
    def found(ways: int) -> float:
        posts = operation(pages=2) + [
            promoted(41 * DAY + n * MINUTE, f"op{n % 2}", None, "", f"way {n}") for n in range(2 * ways)
        ]
        return likeness(ordinary() + posts, "op0", "op1").targeting

    assert found(ways=1) > found(ways=25) > 0


def test_a_page_that_aims_in_a_new_way_is_compared_at_once():
    before = [promoted(n * HOUR, "quiet", None, "900 RUB", "United States", "nobody") for n in range(1, 63)]
    (op,) = {one.audiences for one in operation()}
    posts = ordinary() + operation(pages=2) + before
    found = told([*posts, promoted(39 * DAY, "quiet", None, "900 RUB", *op)])
    assert [finding.accounts_total for finding in found] == [3]


def test_of_a_day_without_a_time_no_minute_is_taken():
    midnights = [promoted(day * DAY, f"p{n}", None, "", number=n) for day in range(9) for n in range(2)]
    pages = Pages()
    for one in midnights:
        pages.add(one)
    assert pages.in_minute == {}


def test_a_page_that_names_itself_names_nobody():
    finding = network(ordinary() + operation(payer=lambda page: f"OP{page}"))
    assert finding.subjects == (NOBODY,)
    assert (finding.evidence["payers"], finding.evidence["unnamed"]) == (0, 0)


def test_before_enough_advertisers_were_seen_nothing_is_rare():
    assert likeness(operation(pages=2), "op0", "op1").targeting == 0
    assert likeness(ordinary() + operation(pages=2), "op0", "op1").targeting > 0


def test_the_parts_of_an_audience_do_not_depend_on_how_it_is_worded():
    assert parts_of(("United States: Ohio; Texas", "News or Sport")) == parts_of(
        ("  united states", "Texas, ohio", "sport", "NEWS.")
    )


# -- what is said ------------------------------------------------------------------------------------


def test_the_sentences_say_what_was_seen_in_both_languages_and_no_more():
    detector, accounts = Sponsored(), room()
    play(case_b(), accounts, detector)
    ((breach,),) = play([after_the_ban(1, 34.5, 1300.25)], accounts, detector)
    english, french = rules.SENTENCES["breach"](judged(breach).reasons[0].numbers)
    assert english == (
        "1 promoted post of 1 page for 1,300.25 USD since 26 October 2017, from when the room's list bans "
        "the payer, the newest 1.44 days after; in all it is known to have promoted 1,824 posts for "
        "275,300.25 USD"
    )
    assert french == (
        f"1 message sponsorisé de 1 page pour 1{THIN}300,25{NBSP}USD depuis le 26 octobre 2017, date à "
        "laquelle la liste de la salle interdit le payeur, le dernier 1,44 jours après"
        f"{THIN}; on lui connaît en tout 1{THIN}824 messages sponsorisés pour 275{THIN}300,25{NBSP}USD"
    )
    assert rules.what(breach)[0] == "Promoted posts of a banned payer, Foreign Broadcaster"


def test_every_rule_has_its_sentences_and_none_says_that_the_payer_is_the_same():
    late = promoted(59 * DAY + 1, "op0", None, "900 RUB", banned_ms=START)
    finding = told([*ordinary(), *operation(pages=12), late])[-1]
    assert codes(finding) == {"network", "banned_payer", "concealed", "many"}
    texts = [rules.what(finding)]
    texts += [rules.SENTENCES[reason.code](reason.numbers) for reason in judged(finding).reasons]
    for english, french in texts:
        assert "?" not in english + french
        assert "same payer" not in english
        assert "même payeur" not in french
        assert " ;" not in french
        assert " :" not in french
    assert "need not have one payer" in rules.NOT_PROVED[0]
    assert "forcément un même payeur" in rules.NOT_PROVED[1]
    assert set(rules.SENTENCES) == {"breach", "network", "banned_payer", "concealed", "many"}


# -- state -------------------------------------------------------------------------------------------

SMALL = SponsoredSettings(max_payers=40, max_pages=40, min_parties=5, chance=0.1)


def steps(seed: int) -> list[Signals]:
    """Operations and ordinary advertisers, some of whom are named later or banned, in little room."""
    rng = random.Random(seed)
    posts = ordinary(50, seed) + operation(pages=5, days=range(3, 50, 4))
    posts += operation(pages=6, days=range(20, 60, 7), payer=lambda page: f"Payer {page % 3}")
    posts += anglers() + shops("PLN", "Smalltown", named=False)
    posts += [promoted(56 * DAY + n, f"{page}1", "Late", "100 TRY") for n, page in enumerate(("op", "other"))]
    posts += [
        promoted(rng.randrange(60) * DAY + 1 + n, f"op{n % 7}", "Payer 1", "100 TRY", "Ohio", banned_ms=START)
        for n in range(9)
    ]
    return ticks(posts)


def feed(one: Sponsored, signals: Signals) -> Any:
    return one.take(signals), len(one), one.evicted, one.totals()[:3]


@pytest.mark.parametrize("chosen", [SMALL, None])
@pytest.mark.parametrize("seed", range(3))
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed, chosen, monkeypatch):
    monkeypatch.setattr(promoted_pages, "_TARGETINGS", 3)
    monkeypatch.setattr(promoted_pages, "_MINUTES", 5)
    check(Kept(lambda: Sponsored(chosen), steps, feed), seed)


def test_the_streams_of_these_tests_have_what_may_go_wrong():
    one = Sponsored(SMALL)
    found = [finding for signals in steps(0) for finding in one.take(signals)]
    assert {"banned_ms" in finding.evidence for finding in found} == {True, False}
    assert one.evicted > 50
    assert len({finding.finding_id for finding in found if finding.edges}) >= 2


@pytest.mark.parametrize("shards", [2, 4])
def test_one_shard_sees_all_promotions(shards):
    whole, part, found = Sponsored(), Sponsored(), 0
    for signals in steps(1):
        first, *others = spread(signals, shards)
        assert not any(other.promotions for other in others)
        wanted = whole.take(signals)
        assert part.take(first) == wanted
        found += len(wanted)
    assert found


def test_memory_is_bounded_when_pages_payers_and_audiences_are_invented():
    one = Sponsored(SponsoredSettings(max_pages=200, max_payers=200))
    rng = random.Random(1)
    invented = [
        promoted(
            number * MINUTE,
            f"page{rng.randrange(2000)}",
            f"payer{rng.randrange(2000)}",
            f"1 {''.join(rng.choices('ABCDEFGHIJ', k=3))}",
            *(f"part {rng.random()}" for _ in range(5)),
        )
        for number in range(4000)
    ]
    busy = [
        promoted((3000 + number) * MINUTE + 1, "busy", "Busy", f"1 {currency}", f"part {number}")
        for number, currency in enumerate(
            f"{a}{b}C" for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        )
    ]
    told(invented + busy, one)
    assert len(one) <= 400
    assert one.evicted > 3000
    page = one._pages.get("x\x1fbusy")
    payer = one.payers.get(Subject("payer", "busy"))
    assert page is not None
    assert payer is not None
    assert len(page.targetings) <= 32
    assert len(page.money) <= 32
    assert len(page.minutes) <= 256
    assert len(page.members) <= 8
    assert len(payer.sums) <= 33
    assert len(payer.audiences) <= 400
    assert payer.posts() == 676
    held = {party for users in one._pages.users.values() for party in users}
    assert held <= one._pages.parties.keys()
    assert len(one._pages.users) <= 201 * 32 * 6


def test_pages_that_are_forgotten_leave_their_network():
    one = Sponsored(SponsoredSettings(max_pages=30))
    assert told(ordinary(20) + operation(), one)
    told([promoted((70 + n) * DAY + 1, f"new{n // 2}", None, "1 USD") for n in range(200)], one)
    assert one._networks == {}
    assert one._linked == {}


# -- the figure --------------------------------------------------------------------------------------


def test_reading_errors_do_not_make_another_page():
    written = [
        "https://www.facebook.com/VillageNews-1234567890123/",
        "https://www.facebook.comNViIIageNews-1234567890123/",
        "https:Hwww.facebook.com/ViIlage News/",
        "https://\\vww.facebook.com/pages/VillageNews/1234567890123",
    ]
    assert len({figures.page_of(one) for one in written}) == 1
    assert figures.page_of("https://www.facebook.com/OtherNews/") != figures.page_of(written[0])


def test_from_a_third_of_the_pages_of_a_real_payer_more_are_reached_and_no_stranger():
    promotions = figures.read(Folder(need_data("ira-ads")))
    others = figures.crowd(promotions, 60, random.Random(1))
    pages = sorted({one.member.account for one in promotions})
    known = set(random.Random(1).sample(pages, len(pages) // 3))
    reached = figures.reached_by([*figures.named(promotions, known), *others])
    assert len(reached - known) >= 5
    assert not any(figures.ORDINARY in page for page in reached)
