"""What arXiv says, read from each of its interfaces: bytes in, records out, no network."""
