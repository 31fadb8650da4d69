"""What a loop costs: planned from its config, or measured on this machine."""
