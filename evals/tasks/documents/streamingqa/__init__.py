"""StreamingQA: questions about news that goes on."""
