"""The flow: what becomes of each chart of a run, from its folder to its entry in the report.

``run`` says what a run is given, ``survey`` reads the charts, ``decide`` chooses their versions, ``assemble`` builds
one of them at a version, ``prepare`` takes it up to its plan, ``tagging`` ends a publish, and ``pipeline`` is the
whole; ``describe`` and ``recent`` say what changed inside a chart that moves. Nothing here knows of settings.
"""
