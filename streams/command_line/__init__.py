"""The flags of every command, a family a file."""
