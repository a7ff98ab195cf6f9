"""The truth: the database, and everything that cannot be made again."""
