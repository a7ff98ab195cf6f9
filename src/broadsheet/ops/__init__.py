"""Settings, and the program as a whole: put together, started, stopped."""
