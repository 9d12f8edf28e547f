"""Signatures: what a signer makes of a manifest, and what a verifier makes of a signature. Nothing here is sent."""
