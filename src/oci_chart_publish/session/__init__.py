"""The session: from settings, environment and git to what the flow is given.

``session`` is what a command works with; the others are its parts, each made from settings: connections, recipes,
versions and the labels that decide them, what a push changed, which charts changed since a revision, a saved plan.
"""
