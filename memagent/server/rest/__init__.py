"""REST interface: every verb of `Memory` under `/v1`."""
