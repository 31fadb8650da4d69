"""The measures: each is one value, beside the function that measures. A new one is found where it stands."""
