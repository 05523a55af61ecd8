"""Text processing: words, stems, sentences."""
