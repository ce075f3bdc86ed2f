//! From a configuration with ranges to the scene of one trajectory and the numbers that were drawn for it.

pub mod draws;
mod histories;

use std::sync::Arc;

use fewave_solver::initial::{End, PlaneWave, Profile, Pulse, Pulses, StandingMode};
use fewave_solver::medium::{
    Axis, GaussianField, Groups, Inclusion, Inclusions, Layers, Sampled, SampledGrid, Uniform,
    Window,
};
use fewave_solver::source::{Ricker, SampledSignal};
use fewave_solver::{InitialState, Medium, Scene, Signal, SolverError, Source, SourceShape, npy};

use crate::config::dataset::{
    DatasetConfig, InitialConfig, InitialKind, MediumKind, SideCondition, SignalConfig,
    SourceConfig,
};
use crate::config::range::Range;
use draws::{Drawn, Draws};
use histories::Histories;

/// Draws scenes of a configuration.
#[derive(Debug)]
pub struct Sampler<'a> {
    config: &'a DatasetConfig,
    /// The model of a file medium, read once for all trajectories.
    model: Option<Arc<SampledGrid>>,
    /// What drives prescribed sides.
    histories: Histories,
}

/// A drawn trajectory.
#[derive(Debug)]
pub struct Sample {
    /// What the solver is given.
    pub scene: Scene,
    /// The numbers behind it; the same names in the same order for every trajectory.
    pub drawn: Vec<Drawn>,
    /// Time at which the last source has stopped, in s; 0 without sources.
    pub source_end: f64,
}

impl<'a> Sampler<'a> {
    /// A sampler; reads the model of a file medium and what drives prescribed sides.
    ///
    /// # Errors
    /// When that model is malformed, has a speed that is none, or is smaller than its crop.
    pub fn new(config: &'a DatasetConfig) -> anyhow::Result<Self> {
        let model = match &config.medium.kind {
            MediumKind::File(file) => {
                let explain = |error: SolverError| {
                    config.refused(
                        "medium.file",
                        format!("{}: {error}", file.named.path.display()),
                    )
                };
                let array = npy::parse(&file.bytes).map_err(explain)?;
                let mut grid =
                    SampledGrid::new(array.values, [file.spacing; 2], [0.0; 2]).map_err(explain)?;
                if let Some(range) = file.rescale {
                    grid = grid.rescaled(range).map_err(explain)?;
                }
                let (crop, extent) = (file.crop.unwrap_or(config.mesh.domain.size), grid.extent());
                let origin = file.origin.unwrap_or([0.0; 2]);
                if (0..2).any(|axis| origin[axis] + crop[axis] > extent[axis] * (1.0 + 1e-12)) {
                    return Err(config.refused("medium.crop", format!(
                        "{} m × {} m from ({}, {}) m does not fit into {}, which covers {} m × {} m; \
                         set medium.crop (and medium.origin) smaller, or check medium.spacing",
                        crop[0], crop[1], origin[0], origin[1], file.named.path.display(), extent[0], extent[1]
                    ))
                    .into());
                }
                Some(Arc::new(grid))
            }
            _ => None,
        };
        let histories = Histories::new(config)?;
        Ok(Self {
            config,
            model,
            histories,
        })
    }

    /// The largest speed that any trajectory can have, in m/s.
    pub fn max_speed(&self) -> f64 {
        let inclusions = &self.config.medium.inclusions;
        let discs = inclusions.as_ref().map_or(0.0, |discs| discs.speed.upper());
        self.max_background_speed().max(discs)
    }

    fn max_background_speed(&self) -> f64 {
        match &self.config.medium.kind {
            MediumKind::Uniform { speed } => speed.upper(),
            MediumKind::Layers(layers) => {
                layers.speeds.iter().map(|s| s.upper()).fold(0.0, f64::max)
            }
            MediumKind::Inclusions { background } => background.upper(),
            MediumKind::GaussianField { bounds, .. } => bounds[1],
            MediumKind::Groups(groups) => groups
                .iter()
                .map(|(_, speed)| speed.upper())
                .fold(0.0, f64::max),
            MediumKind::File(_) => self
                .model
                .as_ref()
                .map_or(0.0, |grid| grid.speed_range()[1]),
        }
    }

    /// An estimate of the highest frequency that carries energy, in Hz, for the accuracy of the time step: 2.5 times the
    /// peak of a Ricker signal, `c/(π w)` of a Gaussian of width w (its spectrum has fallen to `exp(−2)`), the mode's own.
    pub fn max_frequency(&self) -> Option<f64> {
        let fast = self.max_speed();
        let initial = self.config.initial.iter().map(|state| match &state.kind {
            InitialKind::Pulses { width, .. } | InitialKind::PlaneWave { width, .. } => {
                fast / (std::f64::consts::PI * width.lower())
            }
            InitialKind::Mode { numbers } => {
                let waves =
                    |axis: usize| numbers[axis].upper as f64 / self.config.mesh.domain.size[axis];
                fast / 2.0 * waves(0).hypot(waves(1))
            }
        });
        let sources = self
            .config
            .source
            .iter()
            .filter_map(|source| match &source.signal {
                SignalConfig::Ricker { frequency, .. } => Some(2.5 * frequency.upper()),
                SignalConfig::Sampled { .. } => None,
            });
        initial.chain(sources).reduce(f64::max)
    }

    /// Trajectory `index` of `split`.
    ///
    /// # Errors
    /// When a drawn value is none that the solver takes; the message names it.
    pub fn sample(&self, split: &str, index: u64) -> Result<Sample, SolverError> {
        let mut sample = self.draw(split, index)?;
        sample.scene.prescribed = self.histories.of(split, index)?;
        Ok(sample)
    }

    /// Draws trajectory `index` of `split` and forgets it.
    ///
    /// # Errors
    /// As [`Sampler::sample`], and for a source outside of the mesh.
    pub fn check(&self, split: &str, index: u64) -> Result<(), SolverError> {
        let scene = self.draw(split, index)?.scene;
        let domain = &self.config.mesh.domain;
        let mut positions = scene.sources.iter().map(|source| source.position);
        match positions.position(|position| !domain.contains(position)) {
            None => Ok(()),
            Some(index) => Err(SolverError::OutsideMesh {
                what: "source",
                index,
                position: scene.sources[index].position,
                lower: domain.lower,
                upper: domain.upper(),
            }),
        }
    }

    /// All of a trajectory but what drives prescribed sides.
    fn draw(&self, split: &str, index: u64) -> Result<Sample, SolverError> {
        let mut draws = Draws::new(self.config.seed, split, index);
        let medium = self.medium(&mut draws)?;
        let damping = draws.number("medium_damping", "1/s", self.config.medium.damping);
        let mut initial = Vec::new();
        for (number, state) in self.config.initial.iter().enumerate() {
            initial.push(self.initial(&mut draws, number, state)?);
        }
        let mut sources = Vec::new();
        for (number, source) in self.config.source.iter().enumerate() {
            sources.push(drawn_source(&mut draws, number, source)?);
        }
        // prescribed sides drive until the end
        let driven = if self.histories.is_empty() {
            0.0
        } else {
            self.config.time.duration
        };
        let source_end = sources
            .iter()
            .map(|source| source.signal.end_time())
            .fold(driven, f64::max);
        Ok(Sample {
            scene: Scene {
                medium,
                damping,
                initial,
                sources,
                prescribed: Vec::new(),
            },
            drawn: draws.into_values(),
            source_end,
        })
    }

    fn medium(&self, draws: &mut Draws) -> Result<Arc<dyn Medium>, SolverError> {
        let background = self.background(draws)?;
        let Some(config) = &self.config.medium.inclusions else {
            return Ok(background);
        };
        let count = draws.integer("medium_inclusion_count", config.count);
        let mut discs = Vec::new();
        for number in 0..config.count.upper {
            let name = format!("medium_inclusion_{number}");
            let present = number < count;
            let always = number < config.count.lower;
            let center = draws.position(&name, config.position);
            let speed = draws.number(format!("{name}_speed"), "m/s", config.speed);
            let radius = draws.amplitude(
                format!("{name}_radius"),
                "m",
                config.radius,
                present,
                always,
            );
            if present {
                discs.push(Inclusion::disc(center, radius, speed)?);
            }
        }
        Ok(Arc::new(Inclusions::new(background, discs)))
    }

    /// The medium without its inclusions.
    fn background(&self, draws: &mut Draws) -> Result<Arc<dyn Medium>, SolverError> {
        Ok(match &self.config.medium.kind {
            MediumKind::Uniform { speed } => {
                Arc::new(Uniform::new(draws.number("medium_speed", "m/s", *speed))?)
            }
            MediumKind::Layers(config) => {
                let interfaces = numbered(draws, "medium_interface", "m", &config.interfaces);
                let speeds = numbered(draws, "medium_speed", "m/s", &config.speeds);
                let dip = draws
                    .number("medium_dip", "degree", config.dip)
                    .to_radians();
                let axis = if config.axis == 0 { Axis::X } else { Axis::Y };
                Arc::new(Layers::new(axis, interfaces, speeds, dip)?)
            }
            MediumKind::Inclusions { background } => Arc::new(Uniform::new(draws.number(
                "medium_background",
                "m/s",
                *background,
            ))?),
            MediumKind::GaussianField {
                bounds,
                correlation_length,
            } => {
                let length = draws.number("medium_correlation_length", "m", *correlation_length);
                Arc::new(GaussianField::new(
                    *bounds,
                    length,
                    draws.seed("medium_field"),
                )?)
            }
            MediumKind::Groups(groups) => {
                let Some(mesh) = self.config.mesh.domain.mesh() else {
                    return Err(SolverError::invalid(
                        "medium by groups",
                        "no mesh of a file",
                        "a mesh with cell groups",
                        "use mesh.kind = \"gmsh\"",
                    ));
                };
                let mut speeds = Vec::with_capacity(groups.len());
                for (name, (_, speed)) in scalar_names(groups).into_iter().zip(groups) {
                    speeds.push(draws.number(format!("medium_{name}_speed"), "m/s", *speed));
                }
                Arc::new(Groups::new(mesh, speeds)?)
            }
            MediumKind::File(file) => {
                let Some(grid) = &self.model else {
                    return Err(SolverError::invalid(
                        "medium file",
                        "no model",
                        "a model",
                        "read the model first",
                    ));
                };
                let (extent, size) = (
                    grid.extent(),
                    file.crop.unwrap_or(self.config.mesh.domain.size),
                );
                let room = |axis: usize| match file.origin {
                    Some(origin) => Range::Fixed(origin[axis]),
                    None => Range::Uniform(0.0, (extent[axis] - size[axis]).max(0.0)),
                };
                let origin = draws.position("medium_crop", [room(0), room(1)]);
                let domain = Window {
                    origin: self.config.mesh.domain.lower,
                    size: self.config.mesh.domain.size,
                };
                Arc::new(Sampled::new(
                    Arc::clone(grid),
                    Window { origin, size },
                    domain,
                )?)
            }
        })
    }

    fn initial(
        &self,
        draws: &mut Draws,
        number: usize,
        state: &InitialConfig,
    ) -> Result<Arc<dyn InitialState>, SolverError> {
        let name = format!("initial_{number}");
        Ok(match &state.kind {
            InitialKind::Pulses {
                count,
                width,
                position,
            } => {
                let drawn = draws.integer(format!("{name}_count"), *count);
                let mut pulses = Vec::new();
                for pulse in 0..count.upper {
                    let name = format!("{name}_pulse_{pulse}");
                    let (present, always) = (pulse < drawn, pulse < count.lower);
                    let amplitude = draws.amplitude(
                        format!("{name}_amplitude"),
                        "m",
                        state.amplitude,
                        present,
                        always,
                    );
                    let width = draws.number(format!("{name}_width"), "m", *width);
                    let center = draws.position(&name, *position);
                    if present {
                        pulses.push(Pulse::new(center, width, amplitude)?);
                    }
                }
                Arc::new(Pulses::new(pulses))
            }
            InitialKind::Mode { numbers } => {
                let amplitude = draws.number(format!("{name}_amplitude"), "m", state.amplitude);
                let mut drawn = [0; 2];
                for (slot, (axis, range)) in
                    drawn.iter_mut().zip(["x", "y"].into_iter().zip(numbers))
                {
                    // the configuration allows 0 to 1000
                    *slot = draws.integer(format!("{name}_mode_{axis}"), *range) as u32;
                }
                let end = |side: &str| match self.config.boundary.of(side) {
                    SideCondition::Fixed => End::Fixed,
                    // a mode is refused beside others
                    _ => End::Free,
                };
                let ends = [[end("left"), end("right")], [end("bottom"), end("top")]];
                Arc::new(StandingMode::new(
                    self.config.mesh.domain.lower,
                    self.config.mesh.domain.size,
                    drawn,
                    ends,
                    amplitude,
                )?)
            }
            InitialKind::PlaneWave {
                position,
                angle,
                width,
            } => {
                let amplitude = draws.number(format!("{name}_amplitude"), "m", state.amplitude);
                let center = draws.position(&name, *position);
                let angle = draws
                    .number(format!("{name}_angle"), "degree", *angle)
                    .to_radians();
                let width = draws.number(format!("{name}_width"), "m", *width);
                Arc::new(PlaneWave::new(
                    Profile::Gaussian,
                    angle,
                    center,
                    width,
                    amplitude,
                )?)
            }
        })
    }
}

fn drawn_source(
    draws: &mut Draws,
    number: usize,
    source: &SourceConfig,
) -> Result<Source, SolverError> {
    let name = format!("source_{number}");
    let position = draws.position(&name, source.position);
    let shape = match source.angle {
        None => SourceShape::Point,
        Some(angle) => {
            let angle = draws.number(format!("{name}_angle"), "degree", angle);
            SourceShape::Line {
                direction: angle.to_radians(),
            }
        }
    };
    let amplitude = draws.number(format!("{name}_amplitude"), "1", source.amplitude);
    let signal = match &source.signal {
        SignalConfig::Ricker { frequency, delay } => {
            let frequency = draws.number(format!("{name}_frequency"), "Hz", *frequency);
            match delay {
                None => Signal::ricker(frequency)?,
                Some(delay) => {
                    let delay = draws.number(format!("{name}_delay"), "s", *delay);
                    Signal::Ricker(Ricker::new(frequency)?.with_delay(delay)?)
                }
            }
        }
        SignalConfig::Sampled {
            interval,
            values,
            interpolation,
            ..
        } => Signal::Sampled(SampledSignal::new(
            *interval,
            values.clone(),
            *interpolation,
        )?),
    };
    Ok(Source {
        position,
        shape,
        amplitude,
        signal,
    })
}

/// Names of groups as parts of names of scalars: letters and digits, told apart by numbers where that makes them equal.
fn scalar_names(groups: &[(String, Range)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(groups.len());
    for (number, (group, _)) in groups.iter().enumerate() {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut name: String = group.chars().map(plain).collect();
        if names.contains(&name) {
            name = format!("{name}_{number}");
        }
        names.push(name);
    }
    names
}

fn numbered(draws: &mut Draws, name: &str, unit: &'static str, ranges: &[Range]) -> Vec<f64> {
    let draw =
        |(number, range): (usize, &Range)| draws.number(format!("{name}_{number}"), unit, *range);
    ranges.iter().enumerate().map(draw).collect()
}
