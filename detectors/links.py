"""When two links are one page: what sharing buttons, campaigns and servers add to an address is taken off.

Only the address is looked at; nothing is fetched. So shorteners are left as they are, and ``www.x.org`` and
``x.org`` stay two hosts, since they may be.
"""

from __future__ import annotations

from functools import lru_cache

_TRACKING = """
    gclid gclsrc dclid gbraid wbraid _ga _gl msclkid fbclid fb_action_ids fb_action_types fb_ref fb_source
    igshid igsh twclid ref_src ref_url ttclid li_fat_id yclid ymclid _openstat
    mc_cid mc_eid _hsenc _hsmi mkt_tok vero_id oly_enc_id oly_anon_id wickedid cmpid
    xtor xtref xtcr at_medium at_format at_variant at_channel at_creation at_bbc_team at_ptr_name
    at_general_placement ns_mchannel ns_source ns_campaign ns_linkname ns_fee spm scm
    guccounter guce_referrer guce_referrer_sig
"""
# In this order: clicks and persons as Google, Microsoft, Meta, X, TikTok, LinkedIn and Yandex mark them;
# newsletters; audience measurement of newsrooms and shops.
TRACKING = frozenset(_TRACKING.split())
"""Parameters that say how a reader came and not what is read, by their whole name in lower case."""

TRACKING_PREFIXES = ("utm_", "at_campaign", "at_custom", "at_link", "pk_", "mtm_", "hsa_")
"""The same, by how the name begins: Urchin, AT Internet, Matomo, HubSpot."""

_SHARED_ON_X = frozenset(("s", "t"))
_SHARED_ON_YOUTUBE = frozenset(("si", "feature"))
TRACKING_OF_HOSTS = {
    **dict.fromkeys(
        ("twitter.com", "www.twitter.com", "mobile.twitter.com", "x.com", "www.x.com", "mobile.x.com"),
        _SHARED_ON_X,
    ),
    **dict.fromkeys(
        ("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"),
        _SHARED_ON_YOUTUBE,
    ),
}
"""Parameters that are tracking on these hosts and may be the page itself on others."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_NONE: frozenset[str] = frozenset()


@lru_cache(maxsize=65_536)
def normalise_link(url: str) -> str:
    """One form for the links that lead to the same page.

    ``http`` and ``https`` are taken as one, and written ``https``: hardly a page differs between them. Scheme
    and host are in lower case; the fragment, the default port, tracking parameters and, where no parameter is
    left, slashes at the end of the path are dropped. The other parameters keep their order, and
    percent-encoding stays as it is. A fragment that begins with ``!`` stays, since it names a page.

    Parameters
    ----------
    url : str
        Any text. A text that is no web address comes back as it is, without the space around it.

    Returns
    -------
    str
        The same for the normalised form itself.

    Examples
    --------
    >>> normalise_link("HTTP://News.Example:80/a/?utm_source=x&id=7&fbclid=9#top")
    'https://news.example/a/?id=7'
    >>> normalise_link("https://x.org/"), normalise_link("www.x.org/a/?xtor=1")
    ('https://x.org', 'https://www.x.org/a')
    >>> normalise_link("https://twitter.com/ana/status/1?s=20&t=abc"), normalise_link("https://x.org/?s=20")
    ('https://twitter.com/ana/status/1', 'https://x.org/?s=20')
    >>> normalise_link(" not a link "), normalise_link("http://"), normalise_link("https://sho.rt/Ab")
    ('not a link', 'http://', 'https://sho.rt/Ab')
    """
    text = url.strip()
    scheme, mark, rest = text.partition("://")
    if text[:4].lower() == "www.":
        # As it stands in texts.
        scheme, mark, rest = "http", "://", text
    scheme = scheme.lower()
    if not mark or scheme not in _DEFAULT_PORTS or len(text.split()) != 1:
        return text
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    place, slash, path = rest.partition("/")
    host = _host(place, _DEFAULT_PORTS[scheme])
    if not host:
        return text
    kept = _kept(query, host) if query else ""
    path = f"/{path}" if slash else ""
    tail = f"{path or '/'}?{kept}" if kept else path.rstrip("/")
    if fragment.startswith("!"):
        tail = f"{tail or '/'}#{fragment}"
    return f"https://{host}{tail}"


def _host(place: str, default_port: str) -> str:
    """Host and, if it is not the default, port; a name and password before it stay as they are."""
    person, at, host = place.rpartition("@")
    host = host.lower()
    name, colon, port = host.rpartition(":")
    # Port 443 is that of https, which is what is written.
    if colon and port in ("", default_port, "443") and (":" not in name or name.endswith("]")):
        host = name
    return f"{person}{at}{host}" if host else ""


def _kept(query: str, host: str) -> str:
    """The parameters that are not tracking."""
    of_host = TRACKING_OF_HOSTS.get(host, _NONE)
    kept = []
    for part in query.split("&"):
        name = part.partition("=")[0].lower()
        if part and not (name in TRACKING or name in of_host or name.startswith(TRACKING_PREFIXES)):
            kept.append(part)
    return "&".join(kept)
