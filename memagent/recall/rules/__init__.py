"""English rules of recall: question forms, chains, relations, time."""
