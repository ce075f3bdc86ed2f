//! How fast time steps are, beside what the machine allows: the cases of `fewave bench solver`.
//!
//! A *DoF-step* is one degree of freedom of one trajectory advanced by one step. Only the loop over time is measured,
//! without snapshots and receivers. The roofline (Williams, Waterman and Patterson 2009) of a case is the longer of two
//! times: its traffic at the bandwidth that a plain update of vectors of the same total size reaches, and its operations at
//! the peak of fused multiply-adds, both measured on the spot with the same number of threads.

mod case;
mod machine;

pub use case::{Case, Measurement, Method, cases};
pub use machine::{multiply_add_flops, update_bandwidth};
