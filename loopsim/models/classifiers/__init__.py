"""Pinned classifiers, and the detector that finds people for them."""
