"""Embedders: text to vectors, in this process or on a server, and the encoder for stores."""
