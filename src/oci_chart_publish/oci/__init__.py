"""Nouns of the Open Container Initiative: digest, descriptor, manifest, reference; no word of Helm."""
