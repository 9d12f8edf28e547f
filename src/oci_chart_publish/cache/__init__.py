"""The verbs of the cache, as ``helm chart`` of Helm 3.0 to 3.6 had them, over an image layout."""
