"""Learning from feedback: lessons from corrections, their recheck, and the rate limit."""
