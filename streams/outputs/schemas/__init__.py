"""JSON Schemas of what Vigie publishes, one file a contract."""
