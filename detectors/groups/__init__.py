"""Ways to find a group of accounts that act in concert. One file a way."""
