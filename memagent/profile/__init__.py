"""Profiles: the lasting facts and preferences of a user, chosen from the user's own statements."""
