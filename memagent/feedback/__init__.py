"""Learning from feedback: corrections become lessons, checked, rate-limited and undone."""
