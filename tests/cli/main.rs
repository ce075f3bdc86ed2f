//! The binary end to end, on tiny configurations.

// a test program has no outside: `pub` marks what other modules use
#![allow(unreachable_pub)]

mod bad_config;
mod bad_data;
mod bad_runs;
mod chain;
mod comparison;
mod device;
mod examples;
mod field;
mod generate;
mod kill;
#[cfg(target_os = "linux")]
mod memory;
mod meshes;
mod outputs;
mod plots;
mod prescribed;
mod pruning;
mod ranges;
mod study;
mod support;
mod traces;
mod verify;
