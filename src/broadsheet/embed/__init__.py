"""Meaning as numbers: texts become vectors whose dot product says how alike they are."""
