"""English rules of recall: question forms, relations, chains of records, and times."""
