"""Inference with numpy, pillow and onnxruntime, and nothing else."""
