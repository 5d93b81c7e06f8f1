"""What the history of one account says. One file a signal."""
