//! Figures of fields: rows run over x and, within it, over y.

use ndarray::Array2;

use super::{Sheet, without_unit};
use crate::error::Result;
use crate::figure::{ErrorMap, ErrorMaps, Prediction, Wavefields};

/// The nodes of the rows from `first` on, whose x and y stand in two columns: the grid's shape and extent.
struct Grid {
    shape: (usize, usize),
    extent: [f64; 4],
}

impl Grid {
    /// Reads one field's rows, those from `first` up to where x and y begin anew.
    fn read(sheet: &Sheet, first: usize, (x, y): (usize, usize)) -> Result<Self> {
        let start = (sheet.number(first, x)?, sheet.number(first, y)?);
        let mut end = first + 1;
        let mut ny = 0;
        while end < sheet.rows.len() {
            let here = (sheet.number(end, x)?, sheet.number(end, y)?);
            if here == start {
                break;
            }
            if here.1 == start.1 && ny == 0 {
                ny = end - first;
            }
            end += 1;
        }
        let count = end - first;
        let ny = if ny == 0 { count } else { ny };
        if !count.is_multiple_of(ny) {
            return Err(sheet.refuse(
                end + 1,
                format!("a field of {count} lines whose columns have {ny}"),
                "a full grid, y running within x",
            ));
        }
        Ok(Self {
            shape: (count / ny, ny),
            extent: [
                start.0,
                sheet.number(end - 1, x)?,
                start.1,
                sheet.number(end - 1, y)?,
            ],
        })
    }

    fn len(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    fn field(&self, sheet: &Sheet, first: usize, column: usize) -> Result<Array2<f32>> {
        let values = (first..first + self.len()).map(|row| Ok(sheet.number(row, column)? as f32));
        let values = values.collect::<Result<Vec<f32>>>()?;
        Array2::from_shape_vec(self.shape, values)
            .map_err(|error| sheet.refuse(first + 2, error.to_string(), "a full grid"))
    }
}

/// First rows of the fields, all of the same size.
fn starts(sheet: &Sheet, grid: &Grid) -> Result<Vec<usize>> {
    let (rows, each) = (sheet.rows.len(), grid.len());
    if rows.is_multiple_of(each) {
        return Ok((0..rows).step_by(each).collect());
    }
    let found = format!("{rows} lines for fields of {each}");
    Err(sheet.refuse(rows + 1, found, "the same grid for every field"))
}

pub(super) fn wavefields(name: String, sheet: &Sheet) -> Result<Wavefields> {
    let grid = Grid::read(sheet, 0, (1, 2))?;
    let starts = starts(sheet, &grid)?;
    let fields = |column: usize| -> Result<Vec<Array2<f32>>> {
        let fields = starts.iter().map(|first| grid.field(sheet, *first, column));
        fields.collect()
    };
    let heads = &sheet.heads;
    let Some(measured) = heads.get(3).and_then(|head| head.strip_prefix("FE ")) else {
        let found = format!("the columns {}", heads.join(", "));
        return Err(sheet.refuse(
            1,
            found,
            "a fourth column named `FE`, the quantity and its unit",
        ));
    };
    let (quantity, unit) = without_unit(measured);
    let mut predictions = Vec::new();
    for (column, head) in heads.iter().enumerate().skip(4) {
        let label = head.strip_suffix(measured).unwrap_or(head);
        predictions.push(Prediction {
            label: label.trim_end().into(),
            fields: fields(column)?,
        });
    }
    Ok(Wavefields {
        name,
        title: format!("{quantity} at chosen times"),
        quantity,
        unit,
        extent: grid.extent,
        times: starts
            .iter()
            .map(|first| sheet.number(*first, 0))
            .collect::<Result<_>>()?,
        reference: fields(3)?,
        predictions,
        inside: None,
    })
}

pub(super) fn error_maps(name: String, sheet: &Sheet) -> Result<ErrorMaps> {
    let grid = Grid::read(sheet, 0, (1, 2))?;
    let metric = sheet
        .heads
        .get(3)
        .and_then(|head| head.strip_prefix("mean "));
    let (Some(metric), 5) = (metric, sheet.heads.len()) else {
        let found = format!("the columns {}", sheet.heads.join(", "));
        return Err(sheet.refuse(
            1,
            found,
            "model, x (m), y (m), `mean` and `worst` of a measure",
        ));
    };
    let mut models = Vec::new();
    for first in starts(sheet, &grid)? {
        models.push(ErrorMap {
            label: sheet.text(first, 0).into(),
            mean: grid.field(sheet, first, 3)?,
            worst: grid.field(sheet, first, 4)?,
        });
    }
    Ok(ErrorMaps {
        name,
        title: format!("{metric} over the domain"),
        metric: metric.into(),
        extent: grid.extent,
        models,
        inside: None,
    })
}
