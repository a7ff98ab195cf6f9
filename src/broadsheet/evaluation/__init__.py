"""How well search works, on test collections: measured by the code that readers run."""
