"""Raw listings: one asset per applicant tracking system."""
