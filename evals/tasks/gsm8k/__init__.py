"""GSM8K: word problems with solutions of similar problems shown."""
