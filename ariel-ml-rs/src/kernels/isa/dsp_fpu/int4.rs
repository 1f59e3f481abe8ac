//! Weights of four bits, with ONNX's requantisation (see [`crate::kernels::isa::armv7e_m`], `int4`).

crate::kernels::isa::armv7e_m::int4::int4_with!(nearest);
