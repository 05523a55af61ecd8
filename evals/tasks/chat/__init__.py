"""One long session with an agent: what it answers, repeats and keeps."""
