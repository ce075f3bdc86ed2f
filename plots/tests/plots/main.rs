//! Integration tests of figures, files and the report, in one binary.

mod common;
mod figures;
mod golden;
mod redraw;
mod report;
