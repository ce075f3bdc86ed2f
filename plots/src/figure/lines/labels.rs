//! Names at the right ends of series, moved apart where they would cover each other.

use super::{LineSeries, drawn, middle, piece};
use crate::canvas::{Area, Metrics, Rect, clean};
use crate::error::Result;
use crate::style::Tone;

/// Largest share of the page's width that names may take.
const MOST_ROOM: f64 = 0.3;
/// Distance of two names, in em.
const LINE: f64 = 1.15;
/// Length of a leader and its gap to the name, in em.
const LEADER: f64 = 1.3;

/// The names of a figure.
#[derive(Default)]
pub(super) struct EndLabels {
    /// End of the series on the page, its colour and its name.
    ends: Vec<((i32, i32), Tone, String)>,
}

impl EndLabels {
    /// Room to the right of a plot of `height` units; `None` where names do not fit.
    pub(super) fn room<'s>(
        metrics: &Metrics,
        series: impl Iterator<Item = &'s LineSeries>,
        height: i32,
    ) -> Option<i32> {
        let (mut widest, mut count) = (0, 0);
        for one in series {
            widest = widest.max(metrics.text_width(&clean(&one.label)));
            count += 1;
        }
        let room = widest + metrics.ems(LEADER + 0.3);
        let fits = f64::from(room) <= MOST_ROOM * f64::from(metrics.width)
            && count * metrics.ems(LINE) <= height;
        (count > 0 && fits).then_some(room)
    }

    /// A series that ends at `end` on the page.
    pub(super) fn add(&mut self, end: (i32, i32), tone: Tone, label: &str) {
        self.ends.push((end, tone, label.to_owned()));
    }

    /// Draws the names beside the plot.
    pub(super) fn draw(mut self, area: &Area<'_>, metrics: &Metrics, plot: Rect) -> Result<()> {
        self.ends.sort_by_key(|((_, y), _, _)| *y);
        let wanted: Vec<i32> = self.ends.iter().map(|((_, y), _, _)| *y).collect();
        let half = metrics.ems(0.5 * LINE);
        let places = apart(
            &wanted,
            metrics.ems(LINE),
            (plot.top + half, plot.bottom() - half),
        );
        let left = plot.right() + metrics.ems(LEADER);
        for (((x, y), tone, label), place) in self.ends.into_iter().zip(places) {
            let edge = (x.max(plot.right()), y);
            piece(area, [(x, y), edge], tone, 0.4)?;
            piece(area, [edge, (left - metrics.ems(0.25), place)], tone, 0.4)?;
            let label = drawn(metrics, &label, metrics.width - left);
            area.draw_text(&label, &middle(metrics), (left, place))?;
        }
        Ok(())
    }
}

/// Ascending places at least `distance` apart within the limits, near the ascending `wanted` ones: groups of names that
/// touch are centred on the mean of what they want.
fn apart(wanted: &[i32], distance: i32, (low, high): (i32, i32)) -> Vec<i32> {
    // groups as (sum of wanted places, reduced to that of the first member; members)
    let mut groups: Vec<(i64, i64)> = Vec::new();
    let start = |(sum, members): (i64, i64)| {
        let last = i64::from(high) - (members - 1) * i64::from(distance);
        (sum / members).min(last).max(i64::from(low))
    };
    for place in wanted {
        let mut group = (i64::from(*place), 1);
        while let Some(&above) = groups.last() {
            let end = start(above) + above.1 * i64::from(distance);
            if end <= start(group) {
                break;
            }
            let shift = group.1 * above.1 * i64::from(distance);
            group = (above.0 + group.0 - shift, above.1 + group.1);
            groups.pop();
        }
        groups.push(group);
    }
    groups
        .into_iter()
        .flat_map(|group| {
            (0..group.1).map(move |member| (start(group) + member * i64::from(distance)) as i32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn free_names_stay_and_crowded_ones_spread_about_their_middle() {
        assert_eq!(apart(&[10, 50, 90], 10, (0, 100)), [10, 50, 90]);
        assert_eq!(apart(&[50, 50, 50], 10, (0, 100)), [40, 50, 60]);
        assert_eq!(apart(&[98, 99], 10, (0, 100)), [90, 100]);
        assert_eq!(apart(&[0, 1], 10, (0, 100)), [0, 10]);
    }

    proptest! {
        #[test]
        fn names_never_overlap(mut wanted in proptest::collection::vec(0..1000i32, 1..20)) {
            wanted.sort();
            let places = apart(&wanted, 50, (0, 1000));
            prop_assert_eq!(places.len(), wanted.len());
            prop_assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 50), "{:?}", places);
            prop_assert!(places.iter().all(|place| (0..=1000).contains(place)), "{:?}", places);
        }
    }
}
