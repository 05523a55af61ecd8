"""Chat models: opened by name or URL, asked with retries and a concurrency limit."""
