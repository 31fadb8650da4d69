"""One evaluation of a generation: what its measures share, and the measures."""
