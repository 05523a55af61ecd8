"""Notes: short records written on longer ones, and the way back to their sources."""
