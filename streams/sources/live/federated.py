"""Names that hold on every instance of Mastodon, so that one post seen through several is one post."""

from __future__ import annotations

from streams.sources.mastodon import Account, Media, Mention, Status

REMEMBERED = 50_000
"""Statuses of which the address is remembered by their id on the instance."""


class FederatedNames:
    """Statuses by their address (`uri`), accounts as `name@domain`, as one instance tells them.

    Replies and deletions name a status by its id on the instance alone. It is turned into the address where
    the status was seen of late; else it stays the id, with the instance's name.

    Parameters
    ----------
    home : str
        Domain of the instance.

    Examples
    --------
    >>> names = FederatedNames("example.org")
    >>> names.account(Account(id="1", acct="Ana")), names.account(Account(id="2", acct="bo@example.net"))
    ('ana@example.org', 'bo@example.net')
    >>> names.status_id("7")
    '7@example.org'
    """

    def __init__(self, home: str) -> None:
        self._home = home
        self._addresses: dict[str, str] = {}

    def status(self, status: Status) -> str:
        """See `streams.sources.mastodon.Names`."""
        id = str(status.id)
        address = status.uri or f"{id}@{self._home}"
        self._addresses[id] = address
        if len(self._addresses) > REMEMBERED:
            del self._addresses[next(iter(self._addresses))]
        return address

    def status_id(self, id: str) -> str:
        """See `streams.sources.mastodon.Names`."""
        return self._addresses.get(id) or f"{id}@{self._home}"

    def account(self, account: Account | Mention) -> str:
        """See `streams.sources.mastodon.Names`."""
        name = account.acct.lower()
        return name if "@" in name else f"{name}@{self._home}"

    def answered(self, id: str, status: Status) -> str | None:
        """See `streams.sources.mastodon.Names`."""
        people: list[Account | Mention] = [status.account, *status.mentions]
        return next((self.account(one) for one in people if str(one.id) == id), None)

    def media(self, media: Media) -> str:
        """See `streams.sources.mastodon.Names`."""
        return media.remote_url or media.url or f"{media.id}@{self._home}"
