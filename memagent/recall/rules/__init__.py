"""English rules of recall, made on bAbI's training stories: a strategy to opt into."""
