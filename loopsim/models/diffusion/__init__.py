"""Stable Diffusion of every family: loading, fine-tuning, sampling."""
