//! Names at the right ends of series: right behind the end where that place is free, otherwise beside the plot, moved apart
//! where they would cover each other.

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
    names: Vec<Name>,
    /// Places on the page along all curves and marks.
    taken: Vec<(i32, i32)>,
}

/// The name of a series that ends at `end` on the page.
struct Name {
    end: (i32, i32),
    tone: Tone,
    label: String,
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

    /// A series through `places` on the page, joined by lines or not, named at its right end unless the name is empty.
    pub(super) fn add(
        &mut self,
        metrics: &Metrics,
        places: &[(i32, i32)],
        joined: bool,
        tone: Tone,
        label: &str,
    ) {
        if let (Some(&end), false) = (places.iter().max_by_key(|(x, _)| *x), label.is_empty()) {
            self.names.push(Name {
                end,
                tone,
                label: label.to_owned(),
            });
        }
        self.taken.extend(places);
        let step = metrics.ems(0.3).max(1);
        for pair in places.windows(2).filter(|_| joined) {
            let [(x, y), (to_x, to_y)] = [pair[0], pair[1]];
            let count = ((to_x - x).abs().max((to_y - y).abs()) / step).max(1);
            self.taken.extend(
                (1..count).map(|i| (x + (to_x - x) * i / count, y + (to_y - y) * i / count)),
            );
        }
    }

    /// Draws the names.
    pub(super) fn draw(mut self, area: &Area<'_>, metrics: &Metrics, plot: Rect) -> Result<()> {
        let half = metrics.ems(0.5 * LINE);
        self.names.sort_by_key(|name| name.end.1);
        let boxes: Vec<Rect> = self.names.iter().map(|name| name.behind(metrics)).collect();
        let free = self.free(&boxes, metrics, plot);
        let mut beside = Vec::new();
        for ((name, box_), free) in self.names.iter().zip(&boxes).zip(free) {
            if free {
                let place = (box_.left + metrics.ems(0.2), name.end.1);
                area.draw_text(&clean(&name.label), &middle(metrics), place)?;
            } else {
                beside.push(name);
            }
        }
        let wanted: Vec<i32> = beside.iter().map(|name| name.end.1).collect();
        let places = apart(
            &wanted,
            metrics.ems(LINE),
            (plot.top + half, plot.bottom() - half),
        );
        let left = plot.right() + metrics.ems(LEADER);
        for (name, place) in beside.into_iter().zip(places) {
            let (x, y) = name.end;
            let edge = (x.max(plot.right()), y);
            let head = (left - metrics.ems(0.25), place);
            piece(area, [(x, y), edge], name.tone, 0.4)?;
            piece(area, [edge, head], name.tone, 0.4)?;
            let label = drawn(metrics, &name.label, metrics.width - left);
            area.draw_text(&label, &middle(metrics), (left, place))?;
        }
        Ok(())
    }

    /// Which names can stand right behind their ends, in `boxes`: within the plot, on no curve and no other name, and on no
    /// leader of a name that cannot.
    fn free(&self, boxes: &[Rect], metrics: &Metrics, plot: Rect) -> Vec<bool> {
        let step = metrics.ems(0.3).max(1) as usize;
        let mut taken = self.taken.clone();
        let mut free = Vec::with_capacity(boxes.len());
        for (&box_, name) in boxes.iter().zip(&self.names) {
            let stands = box_.right() <= plot.right()
                && box_.top >= plot.top
                && box_.bottom() <= plot.bottom()
                && !taken.iter().any(|place| covers(box_, *place));
            if stands {
                for x in (box_.left..=box_.right()).step_by(step) {
                    taken.extend([box_.top, name.end.1, box_.bottom()].map(|y| (x, y)));
                }
            }
            free.push(stands);
        }
        // a name that gives way has a leader of its own
        loop {
            let struck = (0..boxes.len()).find(|&own| {
                free[own]
                    && (0..boxes.len())
                        .any(|other| !free[other] && self.names[other].strikes(boxes[own]))
            });
            match struck {
                Some(own) => free[own] = false,
                None => return free,
            }
        }
    }
}

impl Name {
    /// The place right behind the end.
    fn behind(&self, metrics: &Metrics) -> Rect {
        let half = metrics.ems(0.5 * LINE);
        Rect {
            left: self.end.0 + metrics.ems(0.5),
            top: self.end.1 - half,
            width: metrics.text_width(&clean(&self.label)) + metrics.ems(0.4),
            height: 2 * half,
        }
    }

    /// Whether a leader from the end to the right edge of the plot would cross an area.
    fn strikes(&self, area: Rect) -> bool {
        self.end.0 <= area.right() && (area.top..=area.bottom()).contains(&self.end.1)
    }
}

fn covers(area: Rect, (x, y): (i32, i32)) -> bool {
    (area.left..=area.right()).contains(&x) && (area.top..=area.bottom()).contains(&y)
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
