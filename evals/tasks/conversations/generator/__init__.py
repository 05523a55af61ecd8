"""Generator of conversations in several languages, with questions and their gold turns."""
