//! A trajectory as an animated PNG: FE and the surrogates above, their errors below, on the scales of the report's player.
//!
//! The page around the fields is drawn like any figure; fields are painted into it frame by frame. One palette holds
//! greys for text and lines and 151 colours of the map, so that a frame takes a byte a pixel before compression. Programs
//! that know no animated PNG show the first frame.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use plotters::style::text_anchor::{HPos, VPos};

use crate::canvas::{self, CENTIMETRE, Metrics, POINT, Rect, Svg, clean};
use crate::colour_bar::{self, ColourBar, frame};
use crate::colour_map::{COLOURS, ColourMap, Scale};
use crate::error::{PlotsError, Result};
use crate::figure::short;
use crate::output::{pixels, write_atomically};
use crate::raster;
use crate::report::{Limits, PlayerFields, PlayerSequence, check_sequence};
use crate::style::FigureStyle;

/// Resolution, dots per inch.
const DPI: f64 = 110.0;
/// Surrogates shown, the first ones.
const MOST_MODELS: usize = 4;
/// Frames kept; longer sequences are thinned evenly.
const MOST_FRAMES: usize = 80;
/// Greys and colours of the palette, which has two more for what is outside of the domain and not finite.
const GREYS: usize = 102;
const FIELD_COLOURS: usize = 151;

/// Writes `NAME.png` into the existing folder `directory` and returns its path. Of more than four surrogates the first
/// four are shown, of more than 80 frames every second, third, ….
///
/// # Errors
/// A sequence as [`crate::Player::add`] refuses it; a name that is no file stem; a failed write.
pub fn write_animation(
    name: &str,
    sequence: &PlayerSequence<'_>,
    fields: &PlayerFields,
    style: &FigureStyle,
    directory: &Path,
) -> Result<PathBuf> {
    check_sequence(fields, sequence)?;
    crate::output::check_name(name)?;
    let style = FigureStyle {
        colour_map: fields.colour_map,
        ..*style
    };
    let bytes = encode(name, &Film::new(sequence, fields, &style)?)?;
    let path = directory.join(format!("{name}.png"));
    write_atomically(&path, &bytes)?;
    Ok(path)
}

/// A sequence with the places of its panels.
struct Film<'a, 's> {
    sequence: &'a PlayerSequence<'s>,
    fields: &'a PlayerFields,
    style: FigureStyle,
    metrics: Metrics,
    limits: Limits,
    panel: (i32, i32),
    left: i32,
    top: i32,
    gap: i32,
}

impl<'a, 's> Film<'a, 's> {
    fn new(
        sequence: &'a PlayerSequence<'s>,
        fields: &'a PlayerFields,
        style: &FigureStyle,
    ) -> Result<Self> {
        let metrics = Metrics::new(style)?;
        let columns = 1 + sequence.predictions.len().min(MOST_MODELS) as i32;
        let (left, top, gap) = (metrics.ems(1.7), metrics.ems(3.4), metrics.ems(0.6));
        let [x0, x1, y0, y1] = fields.extent;
        let ratio = (y1 - y0) / (x1 - x0);
        let room = metrics.width - left - metrics.ems(colour_bar::ROOM) - gap * (columns - 1);
        let width = (f64::from(room) / f64::from(columns))
            .min(colour_bar::HIGHEST / ratio)
            .max(0.2 * CENTIMETRE);
        Ok(Self {
            limits: Limits::of(sequence),
            panel: (width as i32, (width * ratio).round().max(1.0) as i32),
            sequence,
            fields,
            style: *style,
            metrics,
            left,
            top,
            gap,
        })
    }

    fn models(&self) -> usize {
        self.sequence.predictions.len().min(MOST_MODELS)
    }

    /// FE stands in column 0 of row 0; surrogates and, in row 1, their errors in the next columns.
    fn place(&self, row: usize, column: usize) -> Rect {
        let (width, height) = self.panel;
        Rect {
            left: self.left + column as i32 * (width + self.gap),
            top: self.top + row as i32 * (height + self.gap),
            width,
            height,
        }
    }

    fn scale(&self, row: usize) -> Scale {
        Scale::Symmetric([self.limits.field, self.limits.error][row])
    }

    /// Everything but the fields.
    fn backdrop(&self, time: f64) -> Result<Svg> {
        let metrics = &self.metrics;
        let bottom = self.place(1, 0).bottom() + metrics.ems(0.6);
        let label = clean(&self.sequence.label);
        canvas::page(&self.style, bottom, &label, "", |area, images| {
            let text = metrics.ink((HPos::Left, VPos::Top));
            let now = format!("t = {} s", short(time));
            let head = metrics.fit(&format!("{now} · {label}"), metrics.width - self.left);
            area.draw_text(&head, &text, (self.left, metrics.ems(0.3)))?;
            let names = ["FE"].into_iter().chain(
                self.sequence
                    .predictions
                    .iter()
                    .take(MOST_MODELS)
                    .map(|p| p.label.as_str()),
            );
            for (column, name) in names.enumerate() {
                let panel = self.place(0, column);
                let name = metrics.fit(&clean(name), panel.width + self.gap / 2);
                let above = (panel.centre().0, panel.top - metrics.ems(0.15));
                area.draw_text(&name, &metrics.ink((HPos::Center, VPos::Bottom)), above)?;
                frame(area, panel)?;
                if column > 0 {
                    frame(area, self.place(1, column))?;
                }
            }
            let edge = self.place(0, self.models()).right();
            for (row, title) in [self.fields.quantity.as_str(), "error"]
                .into_iter()
                .enumerate()
            {
                let panel = self.place(row, row.min(1));
                let beside = (panel.left - metrics.ems(0.9), panel.centre().1);
                area.draw_text(&clean(title), &metrics.upwards(), beside)?;
                ColourBar {
                    titles: [title, title],
                    unit: &self.fields.unit,
                    scale: self.scale(row),
                    map: self.style.colour_map,
                    cut: false,
                }
                .draw(area, images, metrics, edge, (panel.top, panel.bottom()))?;
            }
            Ok(())
        })
    }

    /// Paints the fields of time `k` into a frame of palette indices, `width` pixels wide.
    fn paint(&self, k: usize, indices: &mut [u8], width: usize) {
        let sequence = self.sequence;
        let reference = sequence.reference[k];
        let mut put = |field: ndarray::ArrayView2<'_, f32>, row: usize, column: usize| {
            let panel = self.place(row, column);
            let dots = |units: i32| (f64::from(units) * DPI / 72.0 / POINT).round() as usize;
            // Inside the frame around the panel.
            let (left, top) = (dots(panel.left) + 1, dots(panel.top) + 1);
            let size = (
                dots(panel.right()).saturating_sub(left + 1).max(1),
                dots(panel.bottom()).saturating_sub(top + 1).max(1),
            );
            let inside = self.fields.inside.as_ref();
            let painted = raster::indices(field, inside, self.scale(row), size);
            for (line, part) in painted.chunks_exact(size.0).enumerate() {
                let start = (top + line) * width + left;
                if let Some(target) = indices.get_mut(start..start + size.0) {
                    target
                        .iter_mut()
                        .zip(part)
                        .for_each(|(to, from)| *to = of_field(*from));
                }
            }
        };
        put(reference, 0, 0);
        for (column, model) in sequence.predictions.iter().take(MOST_MODELS).enumerate() {
            put(model.fields[k], 0, column + 1);
            put((&model.fields[k] - &reference).view(), 1, column + 1);
        }
    }
}

/// Palette index of a raster's index.
fn of_field(index: u8) -> u8 {
    match index {
        raster::OUTSIDE => (GREYS + FIELD_COLOURS) as u8,
        raster::NOT_FINITE => 0,
        colour => {
            let place = usize::from(colour) * (FIELD_COLOURS - 1) + (COLOURS - 1) / 2;
            (GREYS + place / (COLOURS - 1)) as u8
        }
    }
}

/// Greys from black to white, the map's colours, and that of places outside of the domain.
fn palette(map: ColourMap) -> Vec<[u8; 3]> {
    let grey = |k: usize| [(255 * k / (GREYS - 1)) as u8; 3];
    let colours = map.diverging();
    let mut palette: Vec<[u8; 3]> = (0..GREYS).map(grey).collect();
    palette.extend((0..FIELD_COLOURS).map(|k| colours[k * (COLOURS - 1) / (FIELD_COLOURS - 1)]));
    palette.push([0xB9; 3]);
    palette
}

/// The nearest colours of a palette, remembered.
struct Nearest {
    palette: Vec<[u8; 3]>,
    known: HashMap<[u8; 3], u8>,
}

impl Nearest {
    fn of(&mut self, colour: [u8; 3]) -> u8 {
        let palette = &self.palette;
        *self.known.entry(colour).or_insert_with(|| {
            let distance = |other: &[u8; 3]| -> u32 {
                let parts = colour.iter().zip(other);
                parts.map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
            };
            let nearest = palette.iter().enumerate().min_by_key(|(_, c)| distance(c));
            nearest.map_or(0, |(k, _)| k as u8)
        })
    }
}

fn encode(name: &str, film: &Film<'_, '_>) -> Result<Vec<u8>> {
    let failed = |error: png::EncodingError| PlotsError::Conversion {
        figure: name.into(),
        format: "animated PNG",
        reason: error.to_string(),
    };
    let count = film.sequence.times.len();
    let stride = count.div_ceil(MOST_FRAMES);
    let kept: Vec<usize> = (0..count)
        .filter(|k| (count - 1 - k).is_multiple_of(stride))
        .collect();
    let palette = palette(film.style.colour_map);
    let mut nearest = Nearest {
        palette: palette.clone(),
        known: HashMap::new(),
    };
    let mut draw = |k: usize| -> Result<(u32, u32, Vec<u8>)> {
        let (width, height, rgb) = pixels(name, &film.backdrop(film.sequence.times[k])?, DPI)?;
        let mut indices: Vec<u8> = rgb
            .chunks_exact(3)
            .map(|p| nearest.of([p[0], p[1], p[2]]))
            .collect();
        film.paint(k, &mut indices, width as usize);
        Ok((width, height, indices))
    };
    let (width, height, first) = draw(kept[0])?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    if kept.len() > 1 {
        let pause = (6000 / kept.len()).clamp(60, 400) as u16;
        encoder.set_animated(kept.len() as u32, 0).map_err(failed)?;
        encoder.set_frame_delay(pause, 1000).map_err(failed)?;
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&first).map_err(failed)?;
    for k in &kept[1..] {
        writer.write_image_data(&draw(*k)?.2).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
