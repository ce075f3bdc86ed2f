//! A field on a node grid as an image: values are interpolated bilinearly, then coloured on a scale.
//!
//! The grid has its nodes on the ends of the extent, axes `(x, y)`; the image has x to the right and y upwards. Images are
//! indices into a palette of 255 colours: the colour map, and two colours beside it.

use ndarray::{Array2, ArrayView2};

use crate::colour_map::{COLOURS, ColourMap, Scale};
use crate::error::{PlotsError, Result};

/// Palette index of places outside the domain.
pub(crate) const OUTSIDE: u8 = COLOURS as u8;
/// Palette index of values that are not finite.
pub(crate) const NOT_FINITE: u8 = OUTSIDE + 1;
/// Their colours, which the map does not contain: grey and black.
const BESIDE_THE_MAP: [[u8; 3]; 2] = [[0xB9, 0xB9, 0xB9], [0, 0, 0]];

/// Paints `field` (x, y) as an indexed PNG of `width` × `height` pixels; places whose nearest node is not `inside` are
/// grey, values that are not finite black.
pub(crate) fn paint(
    field: &Array2<f32>,
    inside: Option<&Array2<bool>>,
    (scale, map): (Scale, ColourMap),
    size: (usize, usize),
) -> Result<Vec<u8>> {
    let pixels = indices(field.view(), inside, scale, size);
    encode(&pixels, size, &palette(scale, map))
}

/// The palette indices of such an image, row by row from the top.
pub(crate) fn indices(
    field: ArrayView2<'_, f32>,
    inside: Option<&Array2<bool>>,
    scale: Scale,
    (width, height): (usize, usize),
) -> Vec<u8> {
    let (nx, ny) = field.dim();
    let columns: Vec<_> = (0..width).map(|i| between(i, width, nx)).collect();
    let mut pixels = Vec::with_capacity(width * height);
    for row in (0..height).rev() {
        let (y, up) = between(row, height, ny);
        for &(x, right) in &columns {
            let (x1, y1) = ((x + 1).min(nx - 1), (y + 1).min(ny - 1));
            let nearest = (
                if right < 0.5 { x } else { x1 },
                if up < 0.5 { y } else { y1 },
            );
            if inside.is_some_and(|inside| !inside[nearest]) {
                pixels.push(OUTSIDE);
                continue;
            }
            let at = |x: usize, y: usize| f64::from(field[[x, y]]);
            let low = at(x, y) * (1.0 - right) + at(x1, y) * right;
            let high = at(x, y1) * (1.0 - right) + at(x1, y1) * right;
            let value = low * (1.0 - up) + high * up;
            pixels.push(if value.is_finite() {
                scale.index(value)
            } else {
                NOT_FINITE
            });
        }
    }
    pixels
}

/// The colours that indices stand for.
pub(crate) fn palette(scale: Scale, map: ColourMap) -> Vec<u8> {
    let mut palette: Vec<u8> = scale.colours(map).concat();
    palette.extend(BESIDE_THE_MAP.concat());
    palette
}

/// The colours of a scale as a vertical strip, the high end at the top.
pub(crate) fn colour_bar(scale: Scale, map: ColourMap) -> Result<Vec<u8>> {
    let pixels: Vec<u8> = (0..COLOURS as u8).rev().collect();
    encode(&pixels, (1, COLOURS), &palette(scale, map))
}

/// Node below the centre of pixel `i` of `pixels` over `nodes`, and the fraction of the way to the next.
fn between(i: usize, pixels: usize, nodes: usize) -> (usize, f64) {
    let place = (i as f64 + 0.5) / pixels as f64 * (nodes - 1) as f64;
    let node = (place.floor() as usize).min(nodes.saturating_sub(2));
    (node, place - node as f64)
}

/// Indices as a PNG with its palette of RGB triples.
pub(crate) fn encode(
    pixels: &[u8],
    (width, height): (usize, usize),
    palette: &[u8],
) -> Result<Vec<u8>> {
    let failed = |error: png::EncodingError| PlotsError::Drawing {
        reason: error.to_string(),
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.to_vec());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: (Scale, ColourMap) = (Scale::Symmetric(1.0), ColourMap::BlueBrown);

    fn decode(bytes: &[u8]) -> (Vec<u8>, u32, u32) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (pixels, info.width, info.height)
    }

    #[test]
    fn x_runs_right_and_y_up() {
        // Positive in the corner of large x and small y only.
        let field =
            Array2::from_shape_fn((5, 7), |(x, y)| if x == 4 && y == 0 { 1.0 } else { 0.0 });
        // Palette images are decoded as indices where no expansion is asked for.
        let (pixels, width, height) = decode(&paint(&field, None, UNIT, (50, 70)).unwrap());
        assert_eq!((width, height), (50, 70));
        let brightest = pixels
            .iter()
            .enumerate()
            .max_by_key(|(_, v)| **v)
            .unwrap()
            .0;
        assert_eq!((brightest % 50, brightest / 50), (49, 69), "lower right");
    }

    #[test]
    fn a_bilinear_field_is_reproduced_and_outside_is_grey() {
        let field = Array2::from_shape_fn((4, 3), |(x, y)| (x as f32 / 3.0) * (y as f32 / 2.0));
        let mut inside = Array2::from_elem((4, 3), true);
        inside[[0, 0]] = false;
        let (pixels, ..) = decode(&paint(&field, Some(&inside), UNIT, (60, 40)).unwrap());
        for (i, pixel) in pixels.iter().enumerate() {
            let (x, y) = (
                ((i % 60) as f64 + 0.5) / 60.0,
                1.0 - ((i / 60) as f64 + 0.5) / 40.0,
            );
            if x < 1.0 / 6.0 && y < 0.25 {
                assert_eq!(*pixel, OUTSIDE);
            } else {
                assert_eq!(*pixel, UNIT.0.index(x * y), "at {x}, {y}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_black() {
        let field = Array2::from_shape_fn(
            (3, 3),
            |(x, _)| if x == 0 { f32::NAN } else { f32::INFINITY },
        );
        let (pixels, ..) = decode(&paint(&field, None, UNIT, (6, 6)).unwrap());
        assert!(pixels.iter().all(|p| *p == NOT_FINITE));
    }

    #[test]
    fn a_single_node_fills_the_panel() {
        let (pixels, ..) =
            decode(&paint(&Array2::from_elem((1, 1), -3.0), None, UNIT, (4, 4)).unwrap());
        assert!(pixels.iter().all(|p| *p == 0));
    }
}
