"""The kernels of the runtime crate as classes, made from its sources by `nox -s kernels`."""
