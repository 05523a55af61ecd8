"""GSM8K: word problems, asked with the solutions of similar problems."""
