"""What a model is asked and what it may answer: rubric, scoring views, request body, function schema, validation."""
