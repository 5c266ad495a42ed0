"""Talk to models: the batch client, prices, token counts, and the classes into which failures fall."""
