//! The CUDA kernels without a GPU: their very sources run on the processor, thread by thread, against slow references; and NVRTC
//! compiles them for every architecture that it knows. Both are skipped, loudly, where a C++20 compiler or NVRTC is missing.

mod adamw;
mod axis;
mod columns;
mod emulated;
mod norm;
mod nvrtc;
mod one_way;

#[path = "../common/mod.rs"]
mod common;
