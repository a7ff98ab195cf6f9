"""Benchmarks: `python -m bench [NAMES] [--papers N]`, on real papers, printed and kept as JSON.

Nothing here is a test: figures are medians with their sizes and the machine's cores beside them,
and a peer is measured in the same run.
"""
