"""Spoken corrections: training of the detector, and its recall and false alarms."""
