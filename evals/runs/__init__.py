"""Runs: what is asked, by whom, kept where, resumed how."""
