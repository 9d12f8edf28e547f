"""A store on disk: the OCI image layout, which is the cache (image-spec, image-layout.md)."""
