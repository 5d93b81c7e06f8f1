"""Where alerts go: JSON lines, the terminal."""
