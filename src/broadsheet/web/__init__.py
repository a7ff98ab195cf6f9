"""Out: pages for a reader's browser."""
