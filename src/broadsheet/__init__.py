"""Broadsheet: the daily papers of research on your own machine.

Data walks one way, and the packages are named after its stations:

    source -> intake -> store -> (change log) -> search -> views -> web, cli

`records` holds what travels, `text` the pure functions on titles and abstracts, and `ops`
puts the parts together and runs them. `docs/architecture.md` draws the map.
"""

__version__ = "0.1.0"
