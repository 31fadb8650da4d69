"""Many loops, or questions to a finished one."""
