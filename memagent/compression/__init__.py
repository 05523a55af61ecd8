"""Compression of records to notes, summaries of sessions, and the way back to the sources."""

from memagent.compression.abstractive import NoteWriter
from memagent.compression.base import Budget, Compressed, Compressor
from memagent.compression.expand import SourceExpander
from memagent.compression.extractive import Extractive
from memagent.compression.gather import Gathered, GatherOptions
from memagent.compression.job import CompressionReport

__all__ = [
    "Budget",
    "Compressed",
    "CompressionReport",
    "Compressor",
    "Extractive",
    "GatherOptions",
    "Gathered",
    "NoteWriter",
    "SourceExpander",
]
