"""Real registries, real Helm and real clients for the tests and the benchmarks, and what installs them."""
