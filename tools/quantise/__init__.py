"""How accurate our int8 is, beside float32 and onnxruntime's static quantiser: `python -m tools.quantise`."""
