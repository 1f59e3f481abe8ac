"""Operators of ONNX's domain `ai.onnx.ml`: what scikit-learn, and what boosts trees, becomes by way of ONNX."""
