"""What everything stands on: errors, randomness, devices, processes. Knows no config, no store, no model."""
