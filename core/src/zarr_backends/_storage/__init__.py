"""Where bytes are kept: the registry, urls, and the backends that come with the core."""
