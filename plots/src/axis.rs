//! One axis: its range, its scale, its ticks and how they are written.
//!
//! A chart's coordinates are linear throughout: a logarithmic axis stores `log10(value)`, so that every chart has the same
//! type and ticks on both scales are ours. Ticks are at 1, 2 or 5 times a power of ten.

/// How values map to positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Logarithmic,
}

/// An axis with its ticks chosen.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    scale: Scale,
    /// Lowest and highest position (`log10` of the value on a logarithmic axis).
    pub(crate) range: (f64, f64),
    /// Positions of the ticks, ascending.
    pub(crate) ticks: Vec<f64>,
    /// The text at each tick.
    pub(crate) labels: Vec<String>,
    /// Quantity and unit, with the power of ten taken out of the labels.
    pub(crate) title: String,
}

impl Axis {
    /// A linear axis from `low` to `high` with at most `most` ticks. `unit` may be empty.
    pub(crate) fn linear(quantity: &str, unit: &str, (low, high): (f64, f64), most: usize) -> Self {
        let (low, high) = widened(low, high);
        let step = nice_step((high - low) / most.max(2) as f64, low, high, most);
        let tolerance = step * 1e-6;
        let first = ((low - tolerance) / step).ceil() as i64;
        let last = ((high + tolerance) / step).floor() as i64;
        let ticks: Vec<f64> = (first..=last).map(|i| i as f64 * step).collect();
        // Powers of ten are taken out where plain decimals would be long.
        let largest = low.abs().max(high.abs());
        let exponent = if (1e-2..1e5).contains(&largest) {
            0
        } else {
            (largest.log10() / 3.0).floor() as i32 * 3
        };
        let factor = 10f64.powi(exponent);
        let decimals = (-(step / factor).log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
        let labels = ticks.iter().map(|t| signed(t / factor, decimals)).collect();
        let title = match (exponent, unit) {
            (0, "") => quantity.to_owned(),
            (0, unit) => format!("{quantity} ({unit})"),
            (_, "") => format!("{quantity} ({})", power_of_ten(exponent)),
            (_, unit) => format!("{quantity} ({} {unit})", power_of_ten(exponent)),
        };
        Self {
            scale: Scale::Linear,
            range: (low, high),
            ticks,
            labels,
            title,
        }
    }

    /// A logarithmic axis that covers the positive values among `values`, with a small margin.
    pub(crate) fn logarithmic(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|v| *v > 0.0 && v.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if high == 0.0 {
            (low, high) = (0.1, 1.0);
        }
        let (mut low, mut high) = (low.log10(), high.log10());
        let margin = ((high - low) * 0.05).max(0.03);
        (low, high) = (low - margin, high + margin);
        // At least two decade-like ticks: a narrow range is widened to half a decade about its middle.
        if high - low < 0.5 {
            let middle = (low + high) / 2.0;
            (low, high) = (middle - 0.25, middle + 0.25);
        }
        let mantissas: &[f64] = match high - low {
            span if span < 1.2 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            span if span < 2.2 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let stride = (((high - low) / 8.0).ceil() as i32).max(1);
        let mut marks: Vec<(f64, i32)> = Vec::new();
        for decade in (low.floor() as i32)..=(high.ceil() as i32) {
            if decade.rem_euclid(stride) == 0 {
                marks.extend(mantissas.iter().map(|m| (*m, decade)));
            }
        }
        marks.retain(|(m, decade)| (low..=high).contains(&(m.log10() + f64::from(*decade))));
        let plain = low > -4.0 && high < 5.0;
        let labels = marks
            .iter()
            .map(|&(mantissa, decade)| match (plain, mantissa == 1.0) {
                (true, _) => format!(
                    "{:.*}",
                    (-decade).max(0) as usize,
                    mantissa * 10f64.powi(decade)
                ),
                (false, true) => power_of_ten(decade),
                (false, false) => format!("{mantissa}·{}", power_of_ten(decade)),
            })
            .collect();
        let ticks = marks
            .iter()
            .map(|(m, decade)| m.log10() + f64::from(*decade))
            .collect();
        Self {
            scale: Scale::Logarithmic,
            range: (low, high),
            ticks,
            labels,
            title: title.to_owned(),
        }
    }

    /// An axis of `count` equal rows or columns, centred at 0, 1, …; labels are drawn by the figure.
    pub(crate) fn categories(count: usize) -> Self {
        Self {
            scale: Scale::Linear,
            range: (-0.5, count as f64 - 0.5),
            ticks: Vec::new(),
            labels: Vec::new(),
            title: String::new(),
        }
    }

    /// The same axis running the other way (rows counted from the top).
    pub(crate) fn reversed(mut self) -> Self {
        self.range = (self.range.1, self.range.0);
        self
    }

    /// The same axis with each label as short as it can be (0 and 1 for 0.0 and 1.0), for narrow panels.
    pub(crate) fn trimmed(mut self) -> Self {
        self.labels
            .iter_mut()
            .for_each(|label| *label = without_zeros(label));
        self
    }

    /// The same axis without text, for panels inside a grid of panels.
    pub(crate) fn without_text(mut self) -> Self {
        self.labels.iter_mut().for_each(String::clear);
        self.title.clear();
        self
    }

    /// Position of `value`, held inside the axis: zero on a logarithmic axis lies on its lower end, what is not a number
    /// on the upper end of either.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let (low, high) = (
            self.range.0.min(self.range.1),
            self.range.0.max(self.range.1),
        );
        match self.scale {
            _ if value.is_nan() => high,
            Scale::Linear => value.clamp(low, high),
            Scale::Logarithmic if value > 0.0 => value.log10().clamp(low, high),
            Scale::Logarithmic => low,
        }
    }

    /// The text of the tick at `position`; empty where there is none.
    pub(crate) fn label_at(&self, position: f64) -> String {
        let near = |tick: &&f64| (**tick - position).abs() < 1e-9 * (1.0 + position.abs());
        self.ticks
            .iter()
            .zip(&self.labels)
            .find(|(tick, _)| near(tick))
            .map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// `number` without zeros at the end of its decimals.
pub(crate) fn without_zeros(number: &str) -> String {
    if number.contains('.')
        && number.ends_with(|c: char| c.is_ascii_digit())
        && !number.contains('·')
    {
        number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        number.to_owned()
    }
}

/// A range of non-zero length around equal ends.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if high > low {
        return (low, high);
    }
    let half = if low == 0.0 { 0.5 } else { low.abs() * 0.5 };
    (low - half, low + half)
}

/// The smallest 1, 2 or 5 times a power of ten that is not under `least` and gives at most `most` ticks in the range.
fn nice_step(least: f64, low: f64, high: f64, most: usize) -> f64 {
    let decade = least.log10().floor() as i32;
    let steps = (decade..decade + 3).flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(d)));
    let ticks = |step: f64| ((high / step + 1e-6).floor() - (low / step - 1e-6).ceil()) as i64 + 1;
    let mut last = 10f64.powi(decade);
    for step in steps {
        // Two ticks are the fewest that show a scale.
        if last < step && ticks(step) < 2 {
            break;
        }
        last = step;
        if step >= least * 0.999 && ticks(step) <= most.max(2) as i64 {
            break;
        }
    }
    last
}

/// `value` with a true minus sign and without a negative zero.
fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().any(|c| ('1'..='9').contains(&c)) => format!("−{digits}"),
        Some(digits) => digits.to_owned(),
        None => text,
    }
}

/// `10ⁿ` in Unicode superscripts.
pub(crate) fn power_of_ten(exponent: i32) -> String {
    let superscript = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    format!(
        "10{}",
        exponent
            .to_string()
            .chars()
            .map(superscript)
            .collect::<String>()
    )
}

/// The digit or minus sign that a Unicode superscript stands for.
pub(crate) fn superscript(character: char) -> Option<char> {
    match character {
        '⁻' => Some('-'),
        '¹' => Some('1'),
        '²' => Some('2'),
        '³' => Some('3'),
        '⁰' | '⁴'..='⁹' => char::from_digit(character as u32 - '⁰' as u32, 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn linear_ticks_are_round_and_labelled() {
        let axis = Axis::linear("time", "s", (0.0, 1.6), 5);
        assert_eq!(axis.labels, ["0.0", "0.5", "1.0", "1.5"]);
        assert_eq!(axis.title, "time (s)");
        let axis = Axis::linear("displacement", "m", (-2.5e-6, 2.5e-6), 5);
        assert_eq!(axis.labels, ["−2", "−1", "0", "1", "2"]);
        assert_eq!(axis.title, "displacement (10⁻⁶ m)");
        assert_eq!(Axis::linear("x", "m", (0.0, 1.0), 2).labels, ["0", "1"]);
    }

    #[test]
    fn logarithmic_ticks_follow_the_span() {
        assert_eq!(
            Axis::logarithmic("e", [1e-8, 1e-2]).labels,
            ["10⁻⁸", "10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²"]
        );
        assert_eq!(
            Axis::logarithmic("e", [0.011, 0.6]).labels,
            ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"]
        );
        assert!(Axis::logarithmic("e", [0.05, 0.05]).ticks.len() >= 2);
        assert!(Axis::logarithmic("e", [0.0, 0.0]).ticks.len() >= 2);
        let axis = Axis::logarithmic("e", [1e-3, 1.0]);
        assert_eq!(axis.position(0.0), axis.range.0);
        assert_eq!(axis.position(0.1), -1.0);
        assert_eq!(
            (axis.position(f64::INFINITY), axis.position(f64::NAN)),
            (axis.range.1, axis.range.1)
        );
    }

    proptest! {
        #[test]
        fn any_range_gets_a_readable_number_of_ticks(low in -1e9..1e9f64, span in 1e-6..1e9f64, most in 2usize..9) {
            let axis = Axis::linear("x", "", (low, low + span), most);
            prop_assert!((2..=most.max(5)).contains(&axis.ticks.len()), "{:?}", axis);
            prop_assert!(axis.ticks.windows(2).all(|w| w[0] < w[1]));
        }

        #[test]
        fn any_decades_get_ticks_inside(low in -30.0..20.0f64, span in 0.0..25.0f64) {
            let axis = Axis::logarithmic("x", [10f64.powf(low), 10f64.powf(low + span)]);
            prop_assert!((2..=13).contains(&axis.ticks.len()), "{:?}", axis);
            prop_assert!(axis.ticks.iter().all(|t| (axis.range.0..=axis.range.1).contains(t)));
        }
    }
}
