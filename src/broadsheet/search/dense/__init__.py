"""The dense index: papers by the vectors of what they say, found by how near they are."""

from broadsheet.search.dense.facets import Facets, Filter
from broadsheet.search.dense.index import DenseIndex

__all__ = ["DenseIndex", "Facets", "Filter"]
