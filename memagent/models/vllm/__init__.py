"""A vLLM server: its command line, launch, watchdog and diagnosis."""
