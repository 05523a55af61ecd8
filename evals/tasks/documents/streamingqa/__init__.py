"""StreamingQA: questions about a stream of news."""
