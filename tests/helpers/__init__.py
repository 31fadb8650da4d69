"""What several tests need: no test file imports another one, or a conftest."""
