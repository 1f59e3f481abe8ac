"""The kernels of the runtime crate as classes, made of its sources by `nox -s kernels`; do not edit."""
