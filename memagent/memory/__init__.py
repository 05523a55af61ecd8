"""Memory: the public door to what is stored."""
