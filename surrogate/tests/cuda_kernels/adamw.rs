//! `adamw.cu`: the optimiser's steps, in place.

use crate::common::{random, values};
use crate::emulated::Argument::{Changed, Int, Long, Read, Real};
use crate::emulated::{Emulated, close};

#[test]
fn steps_of_the_optimiser_follow_their_formulas() {
    let Some(kernels) = Emulated::compile("adamw", &["blend", "descend"], &[]) else {
        return;
    };
    let count = 101;
    let (m, g) = (values(&random(&[count], 1)), values(&random(&[count], 2)));
    let v: Vec<f64> = g.iter().map(|g| g.abs()).collect();
    // fewer threads than values, and more
    for blocks in [2, 9] {
        for square in [0, 1] {
            let mut found = m.clone();
            let mut arguments = [
                Changed(&mut found),
                Read(&g),
                Real(0.9),
                Real(0.1),
                Int(square),
                Long(count),
            ];
            kernels.launch("blend", blocks, 16, &mut arguments);
            let powers = g.iter().map(|g| if square == 1 { g * g } else { *g });
            let expected: Vec<f64> = m
                .iter()
                .zip(powers)
                .map(|(m, g)| 0.9 * m + 0.1 * g)
                .collect();
            close("blend", &found, &expected);
        }
        let mut found = g.clone();
        let mut arguments = vec![Changed(&mut found), Read(&m), Read(&v)];
        arguments.extend([0.99, 0.01, 2.0].map(Real));
        arguments.push(Long(count));
        kernels.launch("descend", blocks, 16, &mut arguments);
        let step = |p: f64, m: f64, v: f64| 0.99 * p - 0.01 * m / (2.0 * v.sqrt() + 1e-8);
        let expected: Vec<f64> = (0..count).map(|n| step(g[n], m[n], v[n])).collect();
        close("descend", &found, &expected);
    }
}
