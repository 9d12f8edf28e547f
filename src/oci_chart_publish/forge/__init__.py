"""The code host: git, GitHub, and the one place that runs other programs."""
