"""vLLM servers: the command line, the launch, the watchdog and the diagnosis of failed starts."""
