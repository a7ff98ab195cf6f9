"""Found: indexes derived from the store. Delete them and they are made again."""
