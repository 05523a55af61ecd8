"""Text processing: words, stems and sentences of English, obfuscated names, template marks."""
