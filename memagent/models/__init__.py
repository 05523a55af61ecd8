"""Chat models: opened by name or URL, with retries, a concurrency limit and typed replies."""
