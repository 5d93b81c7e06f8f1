"""Everything of Vigie that touches the outside: files, terminals, networks."""
