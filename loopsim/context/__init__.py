"""What one attempt at a phase may touch: its part of the config, the corpus, the models, D_g and S_g, and the
store.
"""
