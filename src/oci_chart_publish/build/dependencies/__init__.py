"""Dependencies of a chart: what is missing in ``charts/``, where it comes from, and its archive."""
