"""The document store: one port, two adapters, and the table of every collection. Knows only `settings`."""
