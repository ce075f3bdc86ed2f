//! fewave: FE waves in, few-parameter surrogates out.
//!
//! From a finite-element model of the 2-D wave equation to a compressed CNN surrogate and a report that says honestly what
//! the surrogate is worth. See `docs/architecture.md`.

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
mod generation;
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
