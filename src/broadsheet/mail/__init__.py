"""Out: mail. Messages, the outbox's sender, what comes back, and whether all went."""
