"""Reference solver of bAbI: answers from the lines alone."""
