"""Recorded posts and live networks, each turned into normalised posts."""
