"""Measuring model files: latency, accuracy, parity."""
