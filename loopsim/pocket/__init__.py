"""The embedded world's base models: made from a seed, and how faithful they are."""
