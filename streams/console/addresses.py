"""Where an account or a post can be looked at on its network; None where that is not known, or hidden."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from detectors.findings import author_of, platform_of
from streams.pseudonyms import PREFIX

_AT = "at://"


def of_account(account: str) -> str | None:
    """The address of an account, by its key.

    >>> of_account("twitter\\x1f12"), of_account("bluesky\\x1fdid:plc:ab"), of_account("twitter\\x1fp_abc")
    ('https://x.com/i/user/12', 'https://bsky.app/profile/did:plc:ab', None)
    """
    platform, author_id = platform_of(account), author_of(account)
    if author_id.startswith(PREFIX):
        return None
    if platform in ("twitter", "x") and author_id.isdigit():
        return f"https://x.com/i/user/{author_id}"
    if platform == "bluesky" and author_id.startswith("did:"):
        return f"https://bsky.app/profile/{quote(author_id, safe=':')}"
    return _web(author_id)


def of_post(account: str, post_id: str) -> str | None:
    """The address of a post, by its author's key and its id.

    >>> of_post("twitter\\x1f12", "99"), of_post("mastodon\\x1fa", "javascript:alert(1)")
    ('https://x.com/i/status/99', None)
    >>> of_post("bluesky\\x1fdid:plc:ab", "at://did:plc:ab/app.bsky.feed.post/3k")
    'https://bsky.app/profile/did:plc:ab/post/3k'
    """
    platform = platform_of(account)
    if author_of(account).startswith(PREFIX) or post_id.startswith(PREFIX):
        return None
    if platform in ("twitter", "x") and post_id.isdigit():
        return f"https://x.com/i/status/{post_id}"
    if platform == "bluesky" and post_id.startswith(_AT):
        author_id, _, record = post_id.removeprefix(_AT).partition("/")
        collection, _, key = record.partition("/")
        if collection == "app.bsky.feed.post":
            return f"https://bsky.app/profile/{quote(author_id, safe=':')}/post/{quote(key, safe='')}"
        return None
    return _web(post_id)


def _web(name: str) -> str | None:
    """A name that is an address itself, as Mastodon's are; it is a stranger's, so only plain https."""
    try:
        place = urlsplit(name)
    except ValueError:
        return None
    is_plain = place.scheme == "https" and place.hostname and "@" not in place.netloc and name.isprintable()
    return name if is_plain and len(name) < 1000 else None
