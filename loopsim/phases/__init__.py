"""The phases of a generation. Each is one function PhaseContext -> Outputs."""
