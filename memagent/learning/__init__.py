"""Learning from solved problems: rationales, few-shot examples, ablation."""
