"""Loaders of the released files of LoCoMo, LongMemEval, BEAM and PersonaMem."""
