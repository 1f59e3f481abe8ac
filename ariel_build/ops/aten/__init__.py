"""PyTorch's ATen operators: importers only, each onto ONNX's importer of the same thing, or onto our operators."""
