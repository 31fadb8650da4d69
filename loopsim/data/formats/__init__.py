"""Readers of the formats in which corpora are published."""
