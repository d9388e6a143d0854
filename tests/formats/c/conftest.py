"""The shipped models with what they say of themselves."""

from mnist_edge.contract import Contract
from pathlib import Path
CONTRACT = Contract.from_sidecar(Path("models/edge.int8.tflite"))
