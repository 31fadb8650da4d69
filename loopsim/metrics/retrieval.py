"""Text-to-image retrieval."""

import numpy as np

KS = (1, 5, 10)


def recall_at_k(text_features: np.ndarray, image_features: np.ndarray, image_of_text: np.ndarray, block: int = 1000) -> dict[int, np.ndarray]:
    """Return, for k = 1, 5, 10, whether each text [t] finds its image among the k most similar of the full gallery, as float32 [t].

    Features are [t, d] and [i, d]; each row is normalised by its own norm (the seed paper's reference divides all rows by one row's). An image that
    ties with the right one counts as before it if its index is smaller. METRICS.md §1.
    """
    texts = text_features / np.linalg.norm(text_features, axis=1, keepdims=True)
    images = image_features / np.linalg.norm(image_features, axis=1, keepdims=True)
    ranks = np.empty(len(texts), int)
    for start in range(0, len(texts), block):
        scores = texts[start : start + block] @ images.T
        rows = np.arange(len(scores))
        own = image_of_text[start : start + block]
        right = scores[rows, own][:, None]
        before = (scores > right) | ((scores == right) & (np.arange(len(images)) < own[:, None]))
        ranks[start : start + block] = before.sum(1)
    return {k: (ranks < k).astype(np.float32) for k in KS}
