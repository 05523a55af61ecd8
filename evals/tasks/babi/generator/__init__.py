"""Generator of bAbI stories, in the released format, for all twenty tasks."""
