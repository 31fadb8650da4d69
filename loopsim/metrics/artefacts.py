"""Traces that generation leaves on pictures: blur and lost fine detail (after Chen et al., CVPR 2024).

The seed paper found blurred faces behind some of its bias changes. A bias that moves together with sharpness
may be an artefact of generation, not of who is shown. These measures cannot tell blur from a plain subject:
compare real with synthetic pictures of the same kind.
"""

import numpy as np
from scipy.fft import fft2
from scipy.ndimage import laplace

from loopsim.metrics.estimate import quotient

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _luma(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) @ LUMA


def sharpness(images: np.ndarray) -> np.ndarray:
    """Return each picture's variance of the Laplacian of its luma, float32 [n], for uint8 images [n, h, w, 3]
    (Pech-Pacheco et al. 2000).
    """
    return np.array([laplace(luma, mode="nearest").var() for luma in _luma(images)], np.float32)


def high_frequency_ratio(images: np.ndarray) -> np.ndarray:
    """Return the share of each picture's spectral energy (without the mean) above half of the Nyquist
    frequency, float32 [n]; NaN if it is flat.
    """
    luma = _luma(images)
    luma = luma - luma.mean((1, 2), keepdims=True)
    energy = np.square(np.abs(fft2(luma)))
    high = np.hypot(np.fft.fftfreq(luma.shape[1])[:, None], np.fft.fftfreq(luma.shape[2])[None, :]) > 0.25
    total = energy.sum((1, 2))
    return quotient(energy[:, high].sum(1), total).astype(np.float32)
