"""Policies: what D_g is made of. Each is one value in a file."""
