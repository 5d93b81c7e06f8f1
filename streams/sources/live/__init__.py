"""Live networks: a client talks to each in an event loop; a `feed.Feed` hands on what comes, in batches."""
