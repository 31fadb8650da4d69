"""Thin adapters over open_clip, transformers and diffusers, and the one training loop that they share."""
