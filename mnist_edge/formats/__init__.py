"""From Keras to files: the format table, converters, int8 quantization, the parity gate."""
