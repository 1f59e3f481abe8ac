"""TFLite-Micro's operators on signals (`Signal*`): from samples to the features that a network reads, and back.

What each computes is defined by that project's reference code (github.com/tensorflow/tflite-micro, `signal/`), bit by
bit; every module here is one family of them. What they keep from one inference to the next is a state of the model.
"""
