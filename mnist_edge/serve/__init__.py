"""The HTTP service: one model, pictures in, the answers of `predict --json` out."""
