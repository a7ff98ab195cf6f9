"""Coverage-guided fuzzing of every parser: `./dev fuzz`, and what it found as ordinary tests."""
