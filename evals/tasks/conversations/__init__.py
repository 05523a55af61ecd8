"""Conversations: LoCoMo, LongMemEval, BEAM, PersonaMem, and generated ones."""
