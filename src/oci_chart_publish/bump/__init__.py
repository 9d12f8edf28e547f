"""Stage 2: the next version of each chart, decided from tags, commits, labels and registries, written as one scalar."""
