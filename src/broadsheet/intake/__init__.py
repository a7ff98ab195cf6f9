"""In: one file a source, and the import that brings what they read to the store."""
