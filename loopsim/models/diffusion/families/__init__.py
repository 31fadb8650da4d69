"""The families of Stable Diffusion, one a file."""
