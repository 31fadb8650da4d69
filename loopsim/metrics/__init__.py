"""What loopsim measures (docs/metrics.md): pure functions on arrays, strings and labels. No model, no I/O, no
torch.
"""
