"""Learning from feedback: what corrections change, and what they leave alone."""
