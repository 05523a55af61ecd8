"""Redaction: secrets and card numbers are found and taken out before a record is stored."""
