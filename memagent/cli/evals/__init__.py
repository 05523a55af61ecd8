"""Commands of `memagent eval` and `memagent data`: runs, reports, retrieval, judges."""
