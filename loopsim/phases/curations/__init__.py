"""Curations: which candidates enter S_{g+1}. Each is one value in a file."""
