//! Figures and the report of fewave, from plain arrays.
//!
//! A [`Figure`] draws itself at the width of a column or a page, gives its numbers as CSV and describes itself in
//! words. [`write_figure`] turns it into SVG, PNG, PDF and CSV; a [`Report`] collects figures, tables, verdicts and hashes
//! in one HTML file that needs no network. The crate knows no model and no file format of data: it is given names and
//! `ndarray` arrays. Nothing is read from the system, fonts included, so that equal data give equal pictures.
//!
//! | figure | shows |
//! |---|---|
//! | [`Wavefields`] | FE, surrogates and errors at chosen times, on fixed symmetric scales |
//! | [`ErrorGrowth`] | median, quantile band and worst error over a rollout |
//! | [`ErrorMaps`] | where the error is, on average and at worst |
//! | [`Traces`] | what receivers record |
//! | [`Spectra`] | the energy of waves of different length |
//! | [`ErrorDistribution`] | every trajectory's error |
//! | [`ParameterCounts`] | parameters and multiply-adds, in total and by layer |
//! | [`TrainingCurves`] | training loss and validation error |
//! | [`Lines`] | curves and points on linear or logarithmic axes: convergence, reflection over angles |
//!
//! ```
//! use fewave_plots::{ErrorGrowth, ErrorSeries, Figure, FigureStyle};
//! use ndarray::array;
//!
//! # fn main() -> Result<(), fewave_plots::PlotsError> {
//! let figure = ErrorGrowth {
//!     name: "error-growth".into(),
//!     metric: "relative L2 error".into(),
//!     x_quantity: "time".into(),
//!     x_unit: "s".into(),
//!     x: vec![0.04, 0.08, 0.12],
//!     series: vec![ErrorSeries {
//!         label: "dense".into(),
//!         values: array![[0.01, 0.02, 0.03], [0.02, 0.03, 0.05]], // (trajectory, step)
//!     }],
//!     baselines: vec![],
//! };
//! let drawing = figure.render(&FigureStyle::column())?;
//! assert!(drawing.markup().starts_with("<svg"));
//! assert!(figure.alt_text().contains("dense median 0.0400, worst 0.0500"));
//! # Ok(())
//! # }
//! ```

mod animation;
mod axis;
mod canvas;
mod chart;
mod colour_bar;
mod colour_map;
mod error;
mod figure;
mod font;
mod output;
mod raster;
mod redraw;
mod report;
mod statistics;
mod style;
mod table;

pub use animation::write_animation;
pub use canvas::Svg;
pub use colour_map::ColourMap;
pub use error::{PlotsError, Result};
pub use figure::{
    AxisScale, Baseline, ErrorDistribution, ErrorGrowth, ErrorMap, ErrorMaps, ErrorSample,
    ErrorSeries, Figure, LayerCount, LineColour, LineMark, LineSeries, Lines, LinesAxis,
    ModelCount, ParameterCounts, Prediction, Spectra, Spectrum, Trace, TracePanel, Traces,
    TrainingCurves, TrainingRun, Wavefields,
};
pub use output::{FigureFiles, Format, PNG_DPI, render_png, write_figure, write_formats};
pub use redraw::figure_from_csv;
pub use report::{
    PAGE_BUDGET, Player, PlayerFields, PlayerPrediction, PlayerSequence, Provenance, Report,
    ReportFigure, Verdict,
};
pub use style::FigureStyle;
pub use table::{Align, Cell, Column, Table, latex_table};
