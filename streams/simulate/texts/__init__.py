"""The grammars of the simulated texts, as TOML files."""
