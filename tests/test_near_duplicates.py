"""Near-duplicates: copies are found through edits, and what is no group of copies is not."""

from __future__ import annotations

import random
import statistics
from collections import Counter, defaultdict

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from streams_of_posts import (
    CHEAP_EDITS,
    MINUTE,
    SECOND,
    SMALL,
    START_MS,
    batches,
    post,
    rewritten,
    run,
    sentence,
)

from detectors import sketches
from detectors.accounts.stage import Accounts
from detectors.groups.near_duplicates import NearDuplicates, NearDuplicateSettings
from detectors.text import fold
from streams.embedded import Pipeline


def detector(**settings) -> NearDuplicates:
    # Without a background there is no telling how improbable a text is: these tests ask for no bits.
    return NearDuplicates(NearDuplicateSettings(**{"index_rows": 1 << 12, "min_bits": -1e9} | settings))


def found(one: NearDuplicates, posts, accounts: Accounts | None = None):
    """All findings of a stream, the newest state of each, and all ties."""
    findings, ties = {}, []
    tick = 0
    for batch in batches(posts, accounts):
        some, more = one.take(batch)
        tick = batch.tick_ms
        findings |= {finding.finding_id: finding for finding in some}
        ties += more
    findings |= {finding.finding_id: finding for finding in one.finish(tick)}
    return list(findings.values()), ties


def background_posts(rng: random.Random, count: int, span_ms: int):
    return [
        post(f"bg{number}", f"reader{number}", rng.randrange(span_ms), sentence(rng))
        for number in range(count)
    ]


TEXT = "Le facteur oublie toujours sa lanterne derrière le vieux moulin de la colline"


# -- recall ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("original_among_them", "cut", "least"),
    [(False, "end", 0.95), (True, "anywhere", 0.95), (False, "anywhere", 0.95)],
    ids=["cut at the end", "original and copies cut anywhere", "copies cut anywhere"],
)
def test_clusters_of_copies_that_differ_by_a_fifth_are_found(
    original_among_them, cut, least, record_property
):
    # Two copies cut at opposite ends share three fifths of a text at most, so the last one is harder.
    rng = random.Random(20170507)
    posts = background_posts(rng, 5000, 50 * MINUTE)
    clusters = 200
    for number in range(clusters):
        text = sentence(rng, 60, 200)
        for copy in range(rng.choice((3, 3, 4, 5, 6))):
            name = f"k{number}.{copy}"
            words = text if original_among_them and not copy else rewritten(rng, text, cut)
            posts.append(post(name, name, rng.randrange(50 * MINUTE), words))
    one = detector(index_rows=1 << 13, min_bits=0.0)
    findings, _ = found(one, posts)
    hit, pure = set(), 0
    for finding in findings:
        owners = Counter(account.partition("\x1f")[2].partition(".")[0] for account in finding.accounts)
        ((owner, most),) = owners.most_common(1)
        pure += len(owners) == 1
        if owner.startswith("k") and most >= 3:
            hit.add(owner)
    recall, per_post = len(hit) / clusters, one.candidates / one.compared_posts
    record_property("recall", recall)
    record_property("candidates_per_post", per_post)
    print(f"recall {recall:.3f}, candidates per post {per_post:.2f}, findings {len(findings)}, pure {pure}")
    assert recall >= least
    assert pure >= 0.95 * len(findings)
    assert per_post <= 12


def test_candidates_of_a_post_never_exceed_twice_the_bands():
    rng = random.Random(5)
    # The worst stream: everything is a variant of one text.
    posts = [
        post(str(n), f"a{n}", n * 20, rewritten(rng, sentence(random.Random(1), 150, 170)))
        for n in range(2000)
    ]
    one = detector()
    for batch in batches(posts):
        before, compared = one.candidates, one.compared_posts
        one.take(batch)
        assert one.candidates - before <= 2 * sketches.BANDS * (one.compared_posts - compared)


# -- sketches against references ------------------------------------------------------------------


def pairs_of_texts(rng: random.Random, count: int):
    for _ in range(count):
        one = fold(sentence(rng, 120, 200))
        words = one.split()
        for place in rng.sample(range(len(words)), rng.randrange(len(words) // 2)):
            words[place] = rng.choice(fold(sentence(rng)).split())
        yield one, " ".join(words)


def reference_minhash(text: str) -> MinHash:
    sketch = MinHash(num_perm=sketches.ROWS, seed=1)
    sketch.update_batch([shingle.encode() for shingle in sorted(sketches.shingles(text))])
    return sketch


def test_the_estimate_of_similarity_is_unbiased_and_as_close_as_the_reference():
    rng = random.Random(11)
    ours, theirs = [], []
    for one, other in pairs_of_texts(rng, 300):
        exact = sketches.jaccard(sketches.shingles(one), sketches.shingles(other))
        digest = sketches.digests(sketches.signatures([one, other]))
        equal = np.array([np.count_nonzero(digest[0] == digest[1])])
        ours.append(float(sketches.estimate(equal)[0]) - exact)
        theirs.append(reference_minhash(one).jaccard(reference_minhash(other)) - exact)
    # Standard error of 128 rows: at most sqrt(0.25 / 128) = 0.044 a pair.
    assert abs(statistics.mean(ours)) < 0.015
    assert abs(statistics.mean(theirs)) < 0.015  # the reference itself, by the same measure
    assert statistics.pstdev(ours) < 1.25 * statistics.pstdev(theirs)
    assert statistics.pstdev(ours) < 0.05


def test_a_signature_does_not_depend_on_the_texts_beside_it():
    rng = random.Random(2)
    texts = [fold(sentence(rng, 30, 200)) for _ in range(60)]
    together = sketches.signatures(texts)
    for text, row in zip(texts, together, strict=True):
        assert (sketches.signatures([text])[0] == row).all()


def test_all_that_the_reference_lsh_finds_at_the_threshold_is_among_the_candidates():
    rng = random.Random(3)
    texts = [fold(sentence(rng, 80, 160)) for _ in range(200)]
    for text in texts[:80]:
        words = text.split()
        words[rng.randrange(len(words))] = "lantern"
        texts.append(" ".join(words))
    lsh = MinHashLSH(threshold=0.7, num_perm=sketches.ROWS)
    wanted = set()
    for number, text in enumerate(texts):
        sketch = reference_minhash(text)
        for other in lsh.query(sketch):
            if sketches.jaccard(sketches.shingles(text), sketches.shingles(texts[other])) >= 0.7:
                wanted.add((other, number))
        lsh.insert(number, sketch)
    assert len(wanted) >= 60
    table = sketches.BandTable(1 << 10)
    met = set()
    for number, text in enumerate(texts):
        _, others, _ = table.meet(sketches.signatures([text]), np.array([number]), 0.35)
        met |= {(other, number) for other in others}
    assert len(wanted - met) <= 0.01 * len(wanted)


def test_a_band_table_wants_a_power_of_two():
    for rows in (0, 1, 3, 1000):
        with pytest.raises(ValueError, match="power of two"):
            sketches.BandTable(rows)


# -- what is a finding ----------------------------------------------------------------------------


def test_exact_copies_by_three_accounts_are_a_finding_and_by_two_are_not():
    for accounts, wanted in ((2, 0), (3, 1)):
        posts = [post(str(n), f"a{n}", n * SECOND, TEXT) for n in range(accounts)]
        findings, _ = found(detector(), posts)
        assert len(findings) == wanted


def test_every_cheap_edit_stays_in_one_cluster():
    posts = [post(str(n), f"a{n}", n * SECOND, edit(TEXT)) for n, edit in enumerate(CHEAP_EDITS)]
    (finding,), _ = found(detector(), posts)
    assert finding.accounts_total == len(CHEAP_EDITS)
    assert len(finding.text_keys) == 1


def test_one_account_that_repeats_itself_is_no_finding():
    rng = random.Random(1)
    posts = [post(str(n), "a", n * SECOND, TEXT if n % 2 else rewritten(rng, TEXT)) for n in range(60)]
    findings, ties = found(detector(), posts)
    assert findings == []
    assert ties == []


def test_native_reposts_take_no_part():
    original = [post("0", "author", 0, TEXT)]
    reposts = [
        post(f"r{n}", f"fan{n}", n, TEXT, kind="repost", ref_id="0", ref_author_id="author")
        for n in range(1, 40)
    ]
    one = detector()
    assert found(one, original + reposts) == ([], [])
    assert len(one) == 1


def test_replies_and_quotes_with_the_same_text_do_take_part():
    posts = [
        post(str(n), f"a{n}", n, TEXT, kind=kind) for n, kind in enumerate(("original", "reply", "quote"))
    ]
    (finding,), _ = found(detector(), posts)
    assert finding.accounts_total == 3


def test_copies_further_apart_than_the_window_do_not_meet():
    near = [post(str(n), f"a{n}", n * 29 * MINUTE, TEXT) for n in range(3)]
    assert len(found(detector(), near)[0]) == 1
    far = [post(str(n), f"a{n}", n * 70 * MINUTE, TEXT) for n in range(3)]
    # Other posts between, so that time goes on.
    rng = random.Random(8)
    far += [post(f"t{n}", f"t{n}", n * MINUTE, sentence(rng)) for n in range(210)]
    assert found(detector(), far)[0] == []


def test_accounts_that_left_the_window_leave_the_finding():
    rng = random.Random(9)
    posts = [post(f"e{n}", f"early{n}", n * SECOND, TEXT) for n in range(4)]
    posts += [post(f"m{n}", f"middle{n}", 40 * MINUTE + n * SECOND, TEXT) for n in range(6)]
    posts += [post(f"l{n}", f"late{n}", 80 * MINUTE + n * SECOND, TEXT) for n in range(20)]
    posts += [post(f"t{n}", f"t{n}", n * MINUTE, sentence(rng)) for n in range(85)]
    (finding,), _ = found(detector(), posts)
    names = Counter(account.partition("\x1f")[2].rstrip("0123456789") for account in finding.accounts)
    assert names == {"middle": 6, "late": 20}
    assert finding.start_ms == START_MS + 40 * MINUTE


def test_a_second_wave_smaller_than_the_first_is_told_too():
    rng = random.Random(10)
    posts = [post(f"e{n}", f"early{n}", n * SECOND, TEXT) for n in range(40)]
    posts += [post(f"k{n}", "keeper", n * 25 * MINUTE, TEXT) for n in range(1, 6)]
    posts += [post(f"l{n}", f"late{n}", 126 * MINUTE + n * SECOND, TEXT) for n in range(20)]
    posts += [post(f"t{n}", f"t{n}", n * MINUTE, sentence(rng)) for n in range(128)]
    (finding,), _ = found(detector(), posts)
    assert sum("late" in account for account in finding.accounts) == 20
    assert not any("early" in account for account in finding.accounts)


def test_a_coincidence_that_chance_gives_in_such_a_stream_is_no_finding():
    rng = random.Random(14)
    posts = background_posts(rng, 3000, 10 * MINUTE)
    posts += [post(f"h{n}", f"h{n}", n * 20_000, "Bonjour à notre petit marché") for n in range(30)]
    posts += [post(f"s{n}", f"s{n}", n * 100_000, "Bonjour à chaque hérisson pressé") for n in range(5)]
    posts += [post(f"w{n}", f"w{n}", n * SECOND, "Bonjour") for n in range(600)]
    for bits, wanted in ((0.0, True), (10_000.0, False)):
        findings, _ = found(detector(min_bits=bits), posts)
        assert bool(findings) == wanted
        assert all(finding.evidence["coincidence_bits"] >= bits for finding in findings)


# -- identity -------------------------------------------------------------------------------------


def test_a_cluster_keeps_its_id_as_it_grows():
    rng = random.Random(4)
    posts = [
        post(str(n), f"a{n}", n * 7 * SECOND, rewritten(rng, TEXT) if n % 3 else TEXT) for n in range(40)
    ]
    one = detector()
    states = [finding for batch in batches(posts) for finding in one.take(batch)[0]]
    assert len(states) >= 4
    assert len({state.finding_id for state in states}) == 1
    assert len({state.subjects[0] for state in states}) == 1
    totals = [state.accounts_total for state in states]
    assert totals == sorted(set(totals))


def test_a_finding_is_judged_again_when_it_has_grown_by_half_and_once_more_when_it_settles():
    rng = random.Random(4)
    posts = [post(str(n), f"a{n}", n * 6 * SECOND, TEXT) for n in range(14)]
    posts += [post(f"t{n}", f"t{n}", n * MINUTE, sentence(rng)) for n in range(20)]
    one = detector()
    totals = [finding.accounts_total for batch in batches(posts) for finding in one.take(batch)[0]]
    assert totals == [3, 5, 8, 12, 14]


def bridge():
    """Two texts that share too little, and a third that resembles both."""
    words = fold(sentence(random.Random(21), 180, 200)).split()
    third = len(words) // 3
    return " ".join(words[: 2 * third]), " ".join(words[third:]), " ".join(words)


def test_two_clusters_that_merge_keep_the_id_of_the_older():
    left, right, whole = bridge()
    assert sketches.jaccard(sketches.shingles(left), sketches.shingles(right)) < 0.5
    posts = [post(f"l{n}", f"left{n}", n * SECOND, left) for n in range(4)]
    posts += [post(f"r{n}", f"right{n}", MINUTE + n * SECOND, right) for n in range(4)]
    one = detector()
    before, _ = found(one, posts)
    assert len(before) == 2
    older = min(before, key=lambda finding: finding.start_ms)
    after = {}
    for batch in batches([post(f"w{n}", f"whole{n}", 2 * MINUTE + n * SECOND, whole) for n in range(5)]):
        after |= {finding.finding_id: finding for finding in one.take(batch)[0]}
    (merged,) = after.values()
    assert merged.finding_id == older.finding_id
    assert merged.subjects[0] == older.subjects[0]
    assert merged.accounts_total == 13
    assert len(merged.text_keys) == 3


# -- ties -----------------------------------------------------------------------------------------


def test_copies_tie_their_accounts_once_for_each_pair_and_text():
    posts = [post(str(n), f"a{n % 4}", n * SECOND, TEXT) for n in range(24)]
    _, ties = found(detector(), posts)
    assert Counter(frozenset((tie.one, tie.other)) for tie in ties).most_common(1)[0][1] == 1
    assert len(ties) == 6


@pytest.mark.parametrize("cap", [5, 50])
def test_viral_text_makes_no_more_ties_than_the_cap_allows(cap):
    posts = [post(str(n), f"a{n}", n * 100, TEXT) for n in range(300)]
    findings, ties = found(detector(viral_accounts=cap), posts)
    assert findings[0].accounts_total == 300
    assert len(ties) == cap * (cap - 1) // 2


# -- memory ---------------------------------------------------------------------------------------


def test_a_flood_of_invented_texts_is_forgotten_and_a_live_cluster_survives_it():
    rng = random.Random(12)
    variants = [TEXT, rewritten(rng, TEXT), rewritten(rng, TEXT)]
    posts = [post(f"k{n}", f"keeper{n}", n * SECOND, variants[n % 3]) for n in range(6)]
    posts += [post(f"f{n}", f"f{n}", 10_000 + n * 150, sentence(rng)) for n in range(8000)]
    one = detector(index_rows=1 << 8, max_texts=1000)
    (first,), _ = found(one, posts)
    assert one.evicted > 5000
    assert len(one) <= 1000 + 500  # what one minute brings comes on top
    # Twenty minutes and 30 times the index later, a new variant still meets the cluster.
    late = post("late", "latecomer", 21 * MINUTE, rewritten(random.Random(77), TEXT))
    exact = post("exact", "copycat", 21 * MINUTE + SECOND, TEXT)
    findings, _ = found(one, [late, exact])
    assert [finding.finding_id for finding in findings] == [first.finding_id]
    assert findings[0].accounts_total == 8


def test_every_live_cluster_survives_a_flood_that_comes_a_text_at_a_time():
    rng = random.Random(31)
    texts = [sentence(rng, 90, 150) for _ in range(12)]
    posts = [post(f"k{n}", f"keeper{n}", n * SECOND, texts[n % 12]) for n in range(36)]
    posts += [post(f"f{n}", f"f{n}", 40_000 + n * 5 * SECOND, sentence(rng)) for n in range(500)]
    one = detector(index_rows=1 << 7)
    found(one, posts)
    at = 40_000 + 500 * 5 * SECOND
    late = [post(f"c{n}", f"c{n}", at + n, rewritten(rng, text, "end")) for n, text in enumerate(texts)]
    findings, _ = found(one, late)
    assert [finding.accounts_total for finding in findings] == [4] * 12


def test_a_flood_of_texts_that_are_each_posted_twice_is_bounded_too():
    rng = random.Random(13)
    texts = [sentence(rng) for _ in range(6000)]
    posts = [post(f"f{n}", f"f{n % 50}", n * 100, texts[n // 2]) for n in range(12_000)]
    one = detector(max_texts=1000)
    found(one, posts)
    assert len(one) <= 1000 + 300
    assert one.evicted > 3000


def test_posts_kept_for_one_cluster_are_bounded_and_the_others_still_counted():
    posts = [post(str(n), f"a{n}", n * 100, TEXT) for n in range(900)]
    (finding,), _ = found(detector(max_members=100), posts)
    assert finding.posts_total == 900
    assert finding.accounts_total == 100
    assert len(finding.posts) <= 50


# -- case D: "@target + the same insult" in a busy stream -----------------------------------------

INSULT = "tu n'es qu'un vieux tambour crevé, range tes bottes et quitte la ruelle"


def attack(rng: random.Random):
    words = ("tambour", "chapeau", "clocher")
    posts = []
    for number in range(20):
        text = INSULT.replace("tambour", words[number % 3])
        text = rng.choice(CHEAP_EDITS)(text) if number % 4 == 1 else text
        ending = rng.choice(("", " !!!", " \U0001f602", " va"))
        posts.append(
            post(
                f"d{number}",
                f"troll{number}",
                rng.randrange(30 * MINUTE),
                f"@victim_{number % 2} {text}{ending}",
            )
        )
    return posts


@pytest.fixture(scope="module")
def busy_stream():
    rng = random.Random(2019)
    return background_posts(rng, 20_000, 30 * MINUTE) + attack(rng)


def test_twenty_posts_with_the_same_insult_among_twenty_thousand_are_one_finding(busy_stream):
    findings, _ = found(detector(index_rows=1 << 15, min_bits=0.0), busy_stream)
    by_troll = defaultdict(set)
    for finding in findings:
        for account in finding.accounts:
            by_troll[account.partition("\x1f")[2]].add(finding.finding_id)
    trolls = {f"troll{number}" for number in range(20)}
    main = max(findings, key=lambda finding: finding.accounts_total)
    members = {account.partition("\x1f")[2] for account in main.accounts}
    assert len(members & trolls) >= 19
    assert members <= trolls
    assert main.template.startswith("{@target} ")
    assert {target for member in main.posts for target in member.targets} >= {"victim_0", "victim_1"}
    assert sum(main.finding_id in ids for ids in by_troll.values()) >= 19


def test_the_same_insult_among_twenty_thousand_posts_is_a_warning(busy_stream):
    alerts = run(Pipeline(SMALL), sorted(busy_stream, key=lambda one: one.time_ms))
    about = [
        alert
        for alert in alerts
        if any(name.startswith("troll") for name in alert["data"]["group"]["accounts"])
    ]
    assert {alert["data"]["case_id"] for alert in about} == {about[0]["data"]["case_id"]}
    last = about[-1]["data"]
    assert last["severity"] in ("warning", "critical")
    assert sum(name.startswith("troll") for name in last["group"]["accounts"]) >= 19
    assert any(finding["template"].startswith("{@target} ") for finding in last["findings"])
