//! The tables of what FE says to the runs: the error budget, and speed-ups at equal error.

use fewave_plots::{Cell, Column, Table};

use super::Comparison;
use crate::comparison::fe::budget::Budget;
use crate::comparison::fe::worth::Worth;
use crate::comparison::scope;

/// Both, as far as they were computed.
pub(super) fn tables(comparison: &Comparison<'_>) -> Vec<Table> {
    let Some(fe) = comparison.fe else {
        return Vec::new();
    };
    let budget = fe.budget.as_ref().map(|budget| errors(comparison, budget));
    let worth: Vec<(&str, &Worth)> = comparison
        .measured
        .iter()
        .zip(&fe.worth)
        .filter_map(|(item, worth)| Some((item.label.as_str(), worth.as_ref()?)))
        .collect();
    budget
        .into_iter()
        .chain((!worth.is_empty()).then(|| speed(&worth)))
        .collect()
}

fn errors(comparison: &Comparison<'_>, budget: &Budget) -> Table {
    let rows = comparison.measured.iter().zip(&budget.runs);
    Table {
        caption: format!(
            "Error budget: relative L2 errors of the surrogates beside that of the FE reference itself, over {}. The reference's is its distance to \
             another FE solution with {} and at most half the time step; where the two errors are within a factor of 3, the reference's is part of what is \
             measured",
            match budget.trajectories.len() {
                1 => "1 trajectory".to_owned(),
                count => format!("{count} trajectories, evenly spaced"),
            },
            budget.finer.words()
        ),
        columns: [
            Column::words("Network"),
            Column::numbers("Surrogate, median", "%"),
            Column::numbers("Surrogate, worst", "%"),
            Column::numbers("Reference, median", "%"),
            Column::numbers("Reference, worst", "%"),
            Column::numbers("Ratio of medians", ""),
        ]
        .to_vec(),
        rows: rows
            .filter_map(|(item, share)| {
                let share = (*share)?;
                let (own, reference) = (share.surrogate, share.reference);
                let values = [own.median, own.worst, reference.median, reference.worst];
                let mut row = vec![Cell::words(&item.label)];
                row.extend(values.map(|value| Cell::number(value * 100.0)));
                row.push(Cell::number(share.ratio()));
                Some(row)
            })
            .collect(),
    }
}

fn speed(all: &[(&str, &Worth)]) -> Table {
    let threads = all[0].1.equal[0].time.threads;
    let mut rows = Vec::new();
    for (label, worth) in all {
        for (mode, name) in ["alone", "one of many"].into_iter().enumerate() {
            let equal = &worth.equal[mode];
            rows.push(vec![
                Cell::words(format!("{label}, {name}")),
                Cell::number(worth.error * 100.0),
                Cell::number(worth.surrogate_ms[mode]),
                Cell::words(match worth.is_hopeless() {
                    true => "any (zero is as good)".to_owned(),
                    false => equal.time.discretisation.words(),
                }),
                Cell::number(equal.error * 100.0),
                Cell::number(equal.ms),
                Cell::number(worth.speed_up[mode]),
                Cell::number(worth.own_ms[mode]),
                Cell::number(worth.naive_speed_up[mode]),
                match (mode, worth.break_even) {
                    (0, _) => Cell::missing(),
                    (_, Some(solves)) => Cell::count(solves as u64),
                    (_, None) => Cell::words("never"),
                },
            ]);
        }
    }
    let cut = if all.iter().all(|(_, worth)| worth.complete) {
        ""
    } else {
        ". The search was cut short by its time limit: faster FE of equal error may exist"
    };
    Table {
        caption: format!(
            "Speed-up at equal error: the fastest FE found (order, cells and the largest stable time step) whose error is at most the surrogate's, over the snapshots \
             that both predict, on {}; beside it the usual comparison with the data's own mesh. Errors are medians over {} evenly spaced trajectories. Break-even: solves after \
             which generating the data and training have paid for themselves, as one of many{cut}",
            scope::counted(threads, "thread"),
            all[0].1.trajectories,
        ),
        columns: vec![
            Column::words("Network"),
            Column::numbers("Error", "%"),
            Column::numbers("Time", "ms"),
            Column::words("FE at equal error"),
            Column::numbers("Its error", "%"),
            Column::numbers("Its time", "ms"),
            Column::numbers("Speed-up", ""),
            Column::numbers("FE, data's mesh", "ms"),
            Column::numbers("Usual speed-up", ""),
            Column::numbers("Break-even", "solves"),
        ],
        rows,
    }
}
