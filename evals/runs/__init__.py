"""Runs of an evaluation: plan, manifest, workers, retries, and the folder that keeps them."""
