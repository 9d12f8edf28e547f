"""Stage 3: a chart becomes an artifact in the image layout."""
