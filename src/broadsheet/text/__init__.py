"""Untrusted text to readable parts: mathematics, links and plain words; pure functions, no I/O."""
