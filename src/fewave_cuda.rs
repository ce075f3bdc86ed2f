//! `fewave-cuda`: the program `fewave`, linked with CUDA's libraries. `fewave` starts it where a GPU is asked for.
//!
//! The modules are those of `main.rs`, one by one: two programs cannot share a file as their root.

// a program has no outside: `pub` marks what other modules use
#![allow(unreachable_pub)]

mod allocator;
mod cli;
mod commands;
mod comparison;
mod config;
mod console;
mod device;
mod ensemble;
mod interrupt;
mod output;
mod program;
mod sample;
mod study;
mod traces;
mod verify;

fn main() -> std::process::ExitCode {
    program::run()
}
