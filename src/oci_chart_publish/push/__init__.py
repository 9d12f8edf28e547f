"""Stage 4: what the registries lack is copied to them from the layout, and nothing is overwritten."""
