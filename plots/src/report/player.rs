//! The report's player: FE, a surrogate and its error over time, frame by frame.
//!
//! A sequence's frames are one PNG for each of its fields, laid out in columns, in the colours of the scale: 253 levels of
//! value, so a picture is off by at most 1/252 of its symmetric scale's half width. A scale holds for all frames and all
//! surrogates of a sequence: the largest FE magnitude for fields, the largest error (at most that magnitude) for errors.
//! Arrays are encoded as they are given and not kept, so that many trajectories need no memory.

use base64::Engine as _;
use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};

use crate::canvas::escape_xml as escape;
use crate::colour_map::{COLOURS, ColourMap, Scale};
use crate::error::{PlotsError, Result};
use crate::figure::{finite, same, short, some};
use crate::raster;

/// Most bytes of a page that frames may take, encoded.
const BUDGET: usize = 8_000_000;
/// Sequences that are always shown, if need be with fewer frames; others are left out where they find no room.
const ALWAYS: usize = 3;
/// Longer side of a frame in pixels: as many as the grid has nodes, within these.
const SIDES: (usize, usize) = (96, 160);
/// Highest image that every browser decodes.
const HIGHEST: usize = 8192;

/// One surrogate's fields of a sequence.
#[derive(Debug, Clone)]
pub struct PlayerPrediction<'a> {
    /// Name of the surrogate.
    pub label: String,
    /// A field (x, y) for each time; values may be NaN or infinite.
    pub fields: Vec<ArrayView2<'a, f32>>,
}

/// A trajectory to be played.
#[derive(Debug, Clone)]
pub struct PlayerSequence<'a> {
    /// Which one, e.g. `trajectory 12, the worst`.
    pub label: String,
    /// The times of the frames, in s.
    pub times: Vec<f64>,
    /// The FE fields (x, y), one for each time.
    pub reference: Vec<ArrayView2<'a, f32>>,
    /// The surrogates.
    pub predictions: Vec<PlayerPrediction<'a>>,
}

/// What all sequences of a player share.
#[derive(Debug, Clone)]
pub struct PlayerFields {
    /// Quantity of the fields, e.g. `displacement`.
    pub quantity: String,
    /// Its unit.
    pub unit: String,
    /// First and last x, first and last y of the grid, in m; nodes lie on the ends.
    pub extent: [f64; 4],
    /// Nodes inside the domain (x, y), where the domain has holes.
    pub inside: Option<Array2<bool>>,
    /// Colours of the fields.
    pub colour_map: ColourMap,
}

/// Encoded sequences, ready for the page.
#[derive(Debug, Clone)]
pub struct Player {
    fields: PlayerFields,
    sequences: Vec<Encoded>,
    bytes: usize,
    left_out: Vec<String>,
}

/// One sequence as the page needs it.
#[derive(Debug, Clone)]
struct Encoded {
    content: Value,
    bytes: usize,
    /// Size of a frame in pixels.
    size: (usize, usize),
    frames: usize,
    given: usize,
}

impl Player {
    /// A player without sequences.
    pub fn new(fields: PlayerFields) -> Self {
        Self {
            fields,
            sequences: Vec::new(),
            bytes: 0,
            left_out: Vec::new(),
        }
    }

    /// Adds a sequence, the most important ones first: the first three are always shown, with every second, fourth, …
    /// frame where they are long, later ones only as far as there is room. Whether it was taken.
    ///
    /// # Errors
    /// No frames or surrogates, mismatched shapes, FE values that are not finite.
    pub fn add(&mut self, sequence: &PlayerSequence<'_>) -> Result<bool> {
        check_sequence(&self.fields, sequence)?;
        let always = self.sequences.len() < ALWAYS;
        let room = if always {
            BUDGET / ALWAYS
        } else {
            BUDGET.saturating_sub(self.bytes)
        };
        let mut stride = 1;
        let encoded = loop {
            let encoded = self.encode(sequence, stride)?;
            if encoded.bytes <= room || encoded.frames == 1 {
                break encoded;
            }
            if !always {
                self.left_out.push(sequence.label.clone());
                return Ok(false);
            }
            stride *= encoded.bytes.div_ceil(room).next_power_of_two().max(2);
        };
        self.bytes += encoded.bytes;
        self.sequences.push(encoded);
        Ok(true)
    }

    /// Size of a frame in pixels: the domain's shape, about as fine as the grid.
    fn size(&self, (nx, ny): (usize, usize)) -> (usize, usize) {
        let [x0, x1, y0, y1] = self.fields.extent;
        let longer = nx.max(ny).clamp(SIDES.0, SIDES.1) as f64;
        let (width, height) = (x1 - x0, y1 - y0);
        let scale = longer / width.max(height);
        let pixels = |length: f64| ((length * scale).round() as usize).max(1);
        (pixels(width), pixels(height))
    }

    /// Every `stride`-th frame, the last included.
    fn encode(&self, sequence: &PlayerSequence<'_>, stride: usize) -> Result<Encoded> {
        let count = sequence.times.len();
        let kept: Vec<usize> = (0..count)
            .filter(|k| (count - 1 - k).is_multiple_of(stride))
            .collect();
        let size = self.size(sequence.reference[0].dim());
        let rows = (HIGHEST / size.1).clamp(1, kept.len());
        let limits = Limits::of(sequence);
        let mut bytes = 0;
        let mut sprite = |frames: &mut dyn Iterator<Item = Array2<f32>>, limit: f64| {
            let data = self.sprite(frames, kept.len(), rows, size, limit)?;
            bytes += data.len();
            Ok::<_, PlotsError>(data)
        };
        let mut reference = kept.iter().map(|k| sequence.reference[*k].to_owned());
        let fe = sprite(&mut reference, limits.field)?;
        let mut models = Vec::new();
        for model in &sequence.predictions {
            let field = |k: &usize| model.fields[*k].to_owned();
            let error = |k: &usize| &model.fields[*k] - &sequence.reference[*k];
            models.push(json!({
                "label": model.label,
                "field": sprite(&mut kept.iter().map(field), limits.field)?,
                "error": sprite(&mut kept.iter().map(error), limits.error)?,
                "relative": kept.iter().map(|k| {
                    relative_error(model.fields[*k], sequence.reference[*k]).map(|e| format!("{:.1} %", 100.0 * e))
                }).collect::<Vec<_>>(),
            }));
        }
        let unit = &self.fields.unit;
        let ends = |limit: f64| {
            [
                format!("−{}", short(limit)),
                format!("{} {unit}", short(limit)),
            ]
        };
        Ok(Encoded {
            content: json!({
                "label": sequence.label,
                "times": kept.iter().map(|k| short(sequence.times[*k])).collect::<Vec<_>>(),
                "width": size.0, "height": size.1, "rows": rows,
                "field": ends(limits.field), "error": ends(limits.error),
                "fe": fe, "models": models,
            }),
            bytes,
            size,
            frames: kept.len(),
            given: count,
        })
    }

    /// Frames below each other in columns of `rows`, as one PNG in a data address.
    fn sprite(
        &self,
        frames: &mut dyn Iterator<Item = Array2<f32>>,
        count: usize,
        rows: usize,
        (width, height): (usize, usize),
        limit: f64,
    ) -> Result<String> {
        let scale = Scale::Symmetric(limit);
        let line = width * count.div_ceil(rows);
        let mut pixels = vec![0; line * height * rows];
        for (k, frame) in frames.enumerate() {
            let painted = raster::indices(
                frame.view(),
                self.fields.inside.as_ref(),
                scale,
                (width, height),
            );
            let (left, top) = (k / rows * width, k % rows * height);
            for (row, part) in painted.chunks_exact(width).enumerate() {
                let start = (top + row) * line + left;
                pixels[start..start + width].copy_from_slice(part);
            }
        }
        let palette = raster::palette(scale, self.fields.colour_map);
        let png = raster::encode(&pixels, (line, height * rows), &palette)?;
        Ok(address(&png))
    }

    /// Whether there is nothing to play.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// What it shows and how, for the caption.
    fn caption(&self) -> String {
        let Some(first) = self.sequences.first() else {
            return String::new();
        };
        let mut text = format!(
            "The {} of FE and of a surrogate, and the error (surrogate − FE), frame by frame. The colours keep their meaning in all frames of a trajectory: one \
             scale from minus to plus the largest FE value, another for the errors of all surrogates; what lies beyond takes the end \
             colour. Frames are compressed images of {} × {} pixels in {COLOURS} colours, so they show values to 1/252 of the scale's width; the percentage is \
             of the unrounded fields. ",
            self.fields.quantity, first.size.0, first.size.1,
        );
        let thinned = self.sequences.iter().filter(|s| s.frames < s.given);
        text += &match thinned.clone().count() {
            0 => "Every predicted snapshot is shown. ".to_owned(),
            _ => {
                let each: Vec<String> = thinned
                    .map(|s| format!("{} of {}", s.frames, s.given))
                    .collect();
                format!(
                    "To keep the page small, not every snapshot is shown ({}). ",
                    each.join(", ")
                )
            }
        };
        if !self.left_out.is_empty() {
            text += &format!(
                "Left out for the same reason: {}. ",
                self.left_out.join("; ")
            );
        }
        if self.fields.inside.is_some() {
            text += "Grey: outside the domain. ";
        }
        text + "Black: not a finite number."
    }

    /// The section of the page and its data.
    pub(super) fn html(&self) -> Result<String> {
        let strip: Vec<u8> = (0..COLOURS as u8).collect();
        let palette = raster::palette(Scale::Symmetric(1.0), self.fields.colour_map);
        let bar = address(&raster::encode(&strip, (COLOURS, 1), &palette)?);
        let screens: String = [("fe", "FE"), ("field", "Surrogate"), ("error", "Error")]
            .map(|(id, name)| {
                format!(
                    "<div class=\"screen\">\n<div class=\"screen-name\" id=\"player-{id}-name\">{name}</div>\n\
                     <canvas id=\"player-{id}\" role=\"img\" aria-label=\"{name}\"></canvas>\n\
                     <img class=\"bar\" alt=\"\" src=\"{bar}\">\n\
                     <div class=\"ends\"><span id=\"player-{id}-low\"></span><span>0</span><span id=\"player-{id}-high\"></span></div>\n</div>\n"
                )
            })
            .concat();
        let data = json!({
            "quantity": self.fields.quantity,
            "sequences": self.sequences.iter().map(|s| &s.content).collect::<Vec<_>>(),
        });
        // In a script element nothing but `<` could end the data.
        let data = data.to_string().replace('<', "\\u003c");
        Ok(format!(
            "<section aria-labelledby=\"player\">\n<h2 id=\"player\">Player</h2>\n\
             <noscript><p>The player needs scripts, which are switched off here; <a href=\"#figures\">the figures</a> show the same fields at chosen times.</p></noscript>\n\
             <div class=\"player\" id=\"player-box\" role=\"group\" aria-labelledby=\"player\" hidden>\n\
             <div class=\"choices\"><label>Trajectory <select id=\"player-sequence\"></select></label>\n\
             <label>Surrogate <select id=\"player-model\"></select></label></div>\n\
             <div class=\"screens\">\n{screens}</div>\n\
             <div class=\"transport\"><button type=\"button\" id=\"player-play\">Play</button>\n\
             <input type=\"range\" id=\"player-time\" min=\"0\" value=\"0\" step=\"1\" aria-label=\"Time\">\n\
             <output id=\"player-readout\" for=\"player-time\"></output></div>\n\
             <p class=\"keys\"><kbd>Space</kbd> plays and stops, <kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> jump.</p>\n\
             </div>\n<p class=\"caption\">{caption}</p>\n\
             <script type=\"application/json\" id=\"player-data\">{data}</script>\n</section>\n",
            caption = escape(&self.caption()),
        ))
    }
}

/// Refuses what cannot be played.
pub(crate) fn check_sequence(fields: &PlayerFields, sequence: &PlayerSequence<'_>) -> Result<()> {
    let name = "player";
    let label = &sequence.label;
    let what = |part: &str| format!("{part} of `{label}`");
    some(name, &what("`times`"), &sequence.times, "give at least one")?;
    some(
        name,
        &what("`predictions`"),
        &sequence.predictions,
        "give at least one",
    )?;
    finite(name, &what("`times`"), &ndarray::aview1(&sequence.times))?;
    let count = sequence.times.len();
    same(name, &what("`reference`"), sequence.reference.len(), count)?;
    let shape = sequence.reference[0].dim();
    let [x0, x1, y0, y1] = fields.extent;
    let extended = fields.extent.iter().all(|v| v.is_finite()) && x1 > x0 && y1 > y0;
    if shape.0 == 0 || shape.1 == 0 || !extended {
        return Err(PlotsError::Setting {
            what: format!("player: grid of `{label}`"),
            expected:
                "at least one node in both directions, on [x0, x1, y0, y1] with x0 < x1 and y0 < y1"
                    .into(),
            found: format!("{shape:?} nodes on {:?}", fields.extent),
        });
    }
    for field in &sequence.reference {
        same(name, &what("`reference`"), field.dim(), shape)?;
        finite(name, &what("`reference`"), field)?;
    }
    for model in &sequence.predictions {
        let what = what(&format!("prediction `{}`", model.label));
        same(name, &what, model.fields.len(), count)?;
        for field in &model.fields {
            same(name, &what, field.dim(), shape)?;
        }
    }
    if let Some(inside) = &fields.inside {
        same(name, "`inside`", inside.dim(), shape)?;
    }
    Ok(())
}

/// Ends of the scales of a sequence.
pub(crate) struct Limits {
    /// Of fields.
    pub(crate) field: f64,
    /// Of errors.
    pub(crate) error: f64,
}

impl Limits {
    /// The largest FE magnitude; the largest error, at most that magnitude.
    pub(crate) fn of(sequence: &PlayerSequence<'_>) -> Self {
        let most = |values: &mut dyn Iterator<Item = f32>| {
            values
                .filter(|v| v.is_finite())
                .fold(0.0, |most, v| f64::from(v.abs()).max(most))
        };
        let own = most(&mut sequence.reference.iter().flatten().copied());
        let field = if own > 0.0 { own } else { 1.0 };
        let errors = sequence.predictions.iter().flat_map(|model| {
            let pairs = model.fields.iter().zip(&sequence.reference);
            pairs.flat_map(|(p, r)| p.iter().zip(r).map(|(p, r)| p - r))
        });
        let error = most(&mut { errors });
        Self {
            field,
            error: if error > 0.0 { error.min(field) } else { field },
        }
    }
}

/// `‖p − u‖ / ‖u‖`; `None` for a quiet frame and where it is not finite.
fn relative_error(prediction: ArrayView2<'_, f32>, reference: ArrayView2<'_, f32>) -> Option<f64> {
    let squared = |v: f32| f64::from(v).powi(2);
    let error: f64 = prediction
        .iter()
        .zip(reference)
        .map(|(p, u)| squared(p - u))
        .sum();
    let norm: f64 = reference.iter().copied().map(squared).sum();
    Some((error / norm).sqrt()).filter(|e| e.is_finite())
}

/// An image as an address.
fn address(png: &[u8]) -> String {
    let data = base64::engine::general_purpose::STANDARD.encode(png);
    format!("data:image/png;base64,{data}")
}
