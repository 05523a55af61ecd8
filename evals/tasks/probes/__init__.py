"""Memory probes: recognition, recall, retention, forgetting."""
