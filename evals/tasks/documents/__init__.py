"""Questions about a stream of documents."""
