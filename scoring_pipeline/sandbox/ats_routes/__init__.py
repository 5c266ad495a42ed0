"""The HTTP surface of each provider, one module a provider: `routes(files)` returns its routes below its prefix."""
