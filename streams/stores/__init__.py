"""Where what was judged is kept."""
