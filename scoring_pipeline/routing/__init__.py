"""Which model scores a request: tiers, and the features that choose one."""
