"""The lifecycle of a batch: plan, submit, adopt, poll, collect; and the lease under which a day is worked on."""
