"""Commands that learn: feedback, rationales, and the ranking."""
