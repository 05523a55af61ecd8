"""Embedders: texts to vectors, in this process or behind a server."""
