"""Judge of free-text answers: its rubrics, its verdicts, and how many wrong answers it accepts."""
