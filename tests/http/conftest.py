"""Scripted registries, certificates and clients, in an environment full of traps (see ``tests/fakes/clients.py``)."""

from __future__ import annotations

from tests.fakes.clients import authority, client, fake, hostile_environment, registries, serve, trusting

__all__ = ("authority", "client", "fake", "hostile_environment", "registries", "serve", "trusting")
