"""OpenAI-compatible endpoint: a proxy that recalls before a model answers, and remembers after."""
