"""What loopsim measures (METRICS.md): pure functions on arrays, strings and labels. No model, no I/O, no
torch.
"""
