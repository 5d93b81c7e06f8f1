"""What other settings would have said of posts that are past."""
