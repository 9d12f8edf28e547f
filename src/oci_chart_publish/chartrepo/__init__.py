"""Classic chart repositories and what is fetched from them."""
