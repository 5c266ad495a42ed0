"""Work set, batch jobs, and the sensor that sees them through."""
