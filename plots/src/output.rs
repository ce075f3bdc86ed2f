//! A figure as files: SVG, PNG at 300 dpi and PDF from that one SVG with the bundled font, and the CSV behind it.
//!
//! A file appears under its name only when complete: it is written as `*.part` and renamed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use resvg::{tiny_skia, usvg};

use crate::canvas::Svg;
use crate::error::{PlotsError, Result};
use crate::figure::Figure;
use crate::font;
use crate::style::FigureStyle;

/// Resolution of PNG files, dots per inch.
pub const PNG_DPI: f64 = 300.0;

/// CSS pixels per inch, the unit of a parsed SVG.
const CSS_DPI: f32 = 96.0;

/// Largest PNG, in pixels: an A1 page at 300 dpi.
const MOST_PIXELS: f64 = 7.0e7;

/// A format of a figure's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The drawing, text as text.
    Svg,
    /// Pixels, 300 dpi.
    Png,
    /// For LaTeX.
    Pdf,
    /// The numbers.
    Csv,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Svg, Self::Png, Self::Pdf, Self::Csv];

    /// Ending of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
        }
    }
}

/// Where a figure was written, and what the report shows of it.
#[derive(Debug, Clone)]
pub struct FigureFiles {
    /// Stem of the files.
    pub name: String,
    /// The SVG.
    pub svg: PathBuf,
    /// The PNG, 300 dpi.
    pub png: PathBuf,
    /// The PDF.
    pub pdf: PathBuf,
    /// The numbers.
    pub csv: PathBuf,
    /// The drawing itself.
    pub drawing: Svg,
    /// The figure in words.
    pub alt_text: String,
}

/// Writes `figure` into the existing folder `directory` as `NAME.svg`, `.png`, `.pdf` and `.csv`; files of these names
/// are replaced.
///
/// # Errors
/// Those of [`Figure::render`]; a name that is no file stem; a failed conversion or write.
pub fn write_figure(
    figure: &dyn Figure,
    style: &FigureStyle,
    directory: &Path,
) -> Result<FigureFiles> {
    let name = figure.name();
    check_name(name)?;
    let drawing = figure.render(style)?;
    let tree = parse(name, "PNG", &drawing)?;
    let path = |format| file_of(name, directory, format);
    let files = FigureFiles {
        name: name.to_owned(),
        svg: path(Format::Svg),
        png: path(Format::Png),
        pdf: path(Format::Pdf),
        csv: path(Format::Csv),
        alt_text: figure.alt_text(),
        drawing,
    };
    for format in Format::ALL {
        let bytes = bytes_of(figure, &files.drawing, &tree, format)?;
        write_atomically(&path(format), &bytes)?;
    }
    Ok(files)
}

/// Writes `figure` into the existing folder `directory` in the given formats only; returns the files in their order.
///
/// # Errors
/// As [`write_figure`].
pub fn write_formats(
    figure: &dyn Figure,
    style: &FigureStyle,
    directory: &Path,
    formats: &[Format],
) -> Result<Vec<PathBuf>> {
    let name = figure.name();
    check_name(name)?;
    let drawing = figure.render(style)?;
    let tree = parse(name, "PNG", &drawing)?;
    let mut written = Vec::new();
    for format in formats {
        let path = file_of(name, directory, *format);
        write_atomically(&path, &bytes_of(figure, &drawing, &tree, *format)?)?;
        written.push(path);
    }
    Ok(written)
}

fn file_of(name: &str, directory: &Path, format: Format) -> PathBuf {
    directory.join(format!("{name}.{}", format.extension()))
}

fn bytes_of(
    figure: &dyn Figure,
    drawing: &Svg,
    tree: &usvg::Tree,
    format: Format,
) -> Result<Vec<u8>> {
    let name = figure.name();
    match format {
        Format::Svg => Ok(drawing.markup().into_bytes()),
        Format::Png => png_of_tree(name, tree, PNG_DPI),
        Format::Pdf => svg2pdf::to_pdf(
            tree,
            svg2pdf::ConversionOptions::default(),
            svg2pdf::PageOptions { dpi: CSS_DPI },
        )
        .map_err(|error| conversion(name, "PDF", error)),
        Format::Csv => Ok(figure.csv()?.into_bytes()),
    }
}

/// Refuses a name that is no file stem.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 100 && name.chars().all(allowed) {
        return Ok(());
    }
    Err(PlotsError::Setting {
        what: "figure name".into(),
        expected: "1 to 100 letters, digits, `-` or `_`".into(),
        found: format!("`{name}`"),
    })
}

/// `drawing` as PNG on white at `dpi` dots per inch, with that resolution in its header.
///
/// # Errors
/// More than 70 million pixels; a failed conversion.
pub fn render_png(name: &str, drawing: &Svg, dpi: f64) -> Result<Vec<u8>> {
    png_of_tree(name, &parse(name, "PNG", drawing)?, dpi)
}

fn conversion(name: &str, format: &'static str, error: impl std::fmt::Display) -> PlotsError {
    PlotsError::Conversion {
        figure: name.into(),
        format,
        reason: error.to_string(),
    }
}

/// Parses with the bundled font only and without access to files.
fn parse(name: &str, format: &'static str, drawing: &Svg) -> Result<usvg::Tree> {
    let mut options = usvg::Options {
        dpi: CSS_DPI,
        font_family: "Noto Sans".into(),
        fontdb: font::database(),
        ..usvg::Options::default()
    };
    options.image_href_resolver.resolve_string = Box::new(|_, _| None);
    usvg::Tree::from_str(&drawing.markup(), &options)
        .map_err(|error| conversion(name, format, error))
}

/// A drawing as RGB on white, its size in pixels first.
pub(crate) fn pixels(name: &str, drawing: &Svg, dpi: f64) -> Result<(u32, u32, Vec<u8>)> {
    pixels_of_tree(name, &parse(name, "PNG", drawing)?, dpi)
}

fn pixels_of_tree(name: &str, tree: &usvg::Tree, dpi: f64) -> Result<(u32, u32, Vec<u8>)> {
    let scale = dpi / f64::from(CSS_DPI);
    let pixels = |length: f32| (f64::from(length) * scale).round().max(1.0);
    let (width, height) = (pixels(tree.size().width()), pixels(tree.size().height()));
    if width * height > MOST_PIXELS {
        return Err(PlotsError::Setting {
            what: format!("figure `{name}`: size as PNG at {dpi} dpi"),
            expected: format!(
                "at most {MOST_PIXELS} pixels; show fewer models or a narrower figure"
            ),
            found: format!("{width} × {height}"),
        });
    }
    let mut canvas = tiny_skia::Pixmap::new(width as u32, height as u32).ok_or_else(|| {
        conversion(
            name,
            "PNG",
            format!("no room for {width} × {height} pixels"),
        )
    })?;
    canvas.fill(tiny_skia::Color::WHITE);
    // The page's size in pixels is rounded, so each direction has its own scale.
    let fit = tiny_skia::Transform::from_scale(
        width as f32 / tree.size().width(),
        height as f32 / tree.size().height(),
    );
    resvg::render(tree, fit, &mut canvas.as_mut());

    let opaque = canvas.data().chunks_exact(4);
    let opaque = opaque.flat_map(|p| [p[0], p[1], p[2]]).collect();
    Ok((width as u32, height as u32, opaque))
}

fn png_of_tree(name: &str, tree: &usvg::Tree, dpi: f64) -> Result<Vec<u8>> {
    let (width, height, opaque) = pixels_of_tree(name, tree, dpi)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (dpi / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let write = || -> std::result::Result<(), png::EncodingError> {
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&opaque)?;
        writer.finish()
    };
    write().map_err(|error| conversion(name, "PNG", error))?;
    Ok(bytes)
}

/// Writes `bytes` to `path.part`, then renames it to `path`.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| PlotsError::Io {
            action,
            path,
            source,
        }
    };
    let written = fs::File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(source) = written {
        // The message is about the write; a leftover that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&part);
        return Err(failed("write", path)(source));
    }
    fs::rename(&part, path).map_err(failed("rename the finished file to", path))
}
