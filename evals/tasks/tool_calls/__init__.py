"""Tool calls: requests that need one of memagent's own tools, and some that need none."""
