"""Preferences: what a user stated once and never repeats, and whether later answers follow it."""
