"""Links that lead to one page have one form, and whatever is no link is left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.links import TRACKING, TRACKING_OF_HOSTS, normalise_link


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("https://x.org", "https://x.org"),
        ("https://x.org/", "https://x.org"),
        ("http://x.org/a/", "https://x.org/a"),
        ("HTTPS://WWW.X.org/A/B", "https://www.x.org/A/B"),
        ("www.x.org/a", "https://www.x.org/a"),
        ("http://x.org:80/a", "https://x.org/a"),
        ("https://x.org:443", "https://x.org"),
        ("https://x.org:8443/a", "https://x.org:8443/a"),
        ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]/a"),
        ("https://Ana:Secret@X.org/a", "https://Ana:Secret@x.org/a"),
        ("https://BÜCHER.example/Ä", "https://bücher.example/Ä"),
        ("https://x.org/a#part", "https://x.org/a"),
        ("https://x.org/#!/ana/1", "https://x.org/#!/ana/1"),
        ("https://x.org?id=1", "https://x.org/?id=1"),
        ("https://x.org/a/?id=1", "https://x.org/a/?id=1"),
        ("https://x.org/a?", "https://x.org/a"),
        ("https://x.org/%7Eana?q=%C3%A9+e", "https://x.org/%7Eana?q=%C3%A9+e"),
    ],
)
def test_scheme_host_port_fragment_and_last_slash_have_one_form(link, wanted):
    assert normalise_link(link) == wanted


@pytest.mark.parametrize(
    "name", [*sorted(TRACKING), "utm_source", "UTM_Medium", "at_campaign_type", "pk_kwd"]
)
def test_tracking_is_dropped_and_the_rest_keeps_its_order(name):
    assert normalise_link(f"https://x.org/a?z=1&{name}=q&b=2&b=1") == "https://x.org/a?z=1&b=2&b=1"
    assert normalise_link(f"https://x.org/a/?{name}") == "https://x.org/a"


@pytest.mark.parametrize("name", ["id", "ref", "source", "utm", "p", "v", "t", "s", "si", "feature", "page"])
def test_what_may_be_the_page_stays(name):
    assert normalise_link(f"https://news.example/a?{name}=1") == f"https://news.example/a?{name}=1"


@pytest.mark.parametrize("host", sorted(TRACKING_OF_HOSTS))
def test_the_marks_of_sharing_buttons_are_dropped_on_their_hosts(host):
    names = sorted(TRACKING_OF_HOSTS[host])
    shared = "&".join(f"{name}=1" for name in names)
    assert normalise_link(f"https://{host}/a?{shared}&v=2") == f"https://{host}/a?v=2"
    assert normalise_link(f"http://{host.upper()}:80/a?{shared}") == f"https://{host}/a"


def test_the_place_in_a_video_is_no_tracking():
    assert normalise_link("https://youtu.be/abc?si=x&t=42") == "https://youtu.be/abc?t=42"


@pytest.mark.parametrize("link", ["https://bit.ly/AbC", "https://t.co/AbC"])
def test_shorteners_are_left_as_they_are(link):
    assert normalise_link(link) == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "34110",
        "x.org/a",
        "http://",
        "https://?a=1",
        "ftp://x.org/",
        "mailto:a@x.org",
        "at://did/a",
        "://",
    ],
)
def test_what_is_no_web_address_comes_back(text):
    assert normalise_link(f" {text}\n") == text


_ODD = """
    http HTTPS :// www. x.org twitter.com [::1] : 443 80 / // ? & # ! utm_a=1 s=1 id=2 @ %20 İ =
"""
_PARTS = st.sampled_from([*_ODD.split(), " ", "\x1f", "\ud800"])


@given(st.one_of(st.text(), st.lists(_PARTS, max_size=14).map("".join)))
@example("http://a:443:443")
@example("http://a/ #x")
@example("http://a//?utm_a#!")
def test_any_text_has_a_form_and_the_form_has_itself(text):
    once = normalise_link(text)
    assert normalise_link(once) == once
    assert once == once.strip()


def test_a_new_link_takes_a_few_microseconds():
    links = [
        f"https://www.news.example/politics/{n}/a-title?utm_source=x&id={n}&fbclid=abc" for n in range(3000)
    ]
    normalise_link.cache_clear()
    best = min(_seconds(links) for _ in range(3))
    # Some microseconds on any machine; the bound leaves room for a busy one.
    assert best / len(links) < 50e-6


def _seconds(links: list[str]) -> float:
    normalise_link.cache_clear()
    started = time.perf_counter()
    for link in links:
        normalise_link(link)
    return time.perf_counter() - started
