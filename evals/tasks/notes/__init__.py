"""Everyday notes of one person, and the questions that person asks later."""
