"""Captioners of every kind."""
