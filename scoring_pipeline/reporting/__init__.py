"""What people look at: serving rows, the figures of a day, exports."""
