"""Training of the ranker on data sets, and a simulated user whose verdicts it learns from."""
