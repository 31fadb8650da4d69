"""A run's state on disk: LMDB is the authority, weights are safetensors folders that it names."""
