"""Text processing: words, stems and sentences of English, and the obfuscation of names."""
