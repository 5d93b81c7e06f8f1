"""The scenarios that ship with the package, as TOML files."""
