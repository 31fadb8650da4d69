"""Corpora: images, captions and the people in them."""
