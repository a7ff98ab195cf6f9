"""A stand-in for arXiv: what it serves, from invented days, with faults on order."""
