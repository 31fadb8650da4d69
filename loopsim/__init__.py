"""loopsim: does social bias grow, shrink or stay when tomorrow's models train on images that today's models
made?
"""

__version__ = "0.1.0"
