//! The best sum of few rank-one tensors for a small tensor: how a trained kernel becomes one-way filters afterwards.
//!
//! One product after the other by the higher-order power method (De Lathauwer, De Moor, Vandewalle 2000, SIAM J. Matrix
//! Anal. Appl. 21, algorithm 3.2) on what is left, which for two axes is the singular value decomposition and therefore
//! optimal (Eckart and Young 1936); for more axes and products, sweeps of alternating least squares (Kolda and Bader 2009,
//! SIAM Review 51, section 3.4) improve them together. f64 throughout, no randomness: equal tensors give equal factors.

/// Most iterations for one product, and most sweeps over all.
const ITERATIONS: usize = 60;
/// Relative change at which iterations end.
const TOLERANCE: f64 = 1e-9;
/// Share of the Gram matrix' trace that keeps least squares solvable where products coincide.
const RIDGE: f64 = 1e-12;

/// A sum of products of vectors, one vector an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Products {
    /// `[product][axis]`: the vectors; those of the axes from the second on have length 1.
    pub(super) vectors: Vec<Vec<Vec<f64>>>,
    sides: Vec<usize>,
}

impl Products {
    /// The closest sum of `rank` products to the tensor with these sides, stored row-major.
    pub(super) fn closest(tensor: &[f64], sides: &[usize], rank: usize) -> Self {
        let mut left = tensor.to_vec();
        let mut vectors = Vec::with_capacity(rank);
        for _ in 0..rank {
            let product = closest_product(&left, sides);
            each(&product, sides, |place, value| left[place] -= value);
            vectors.push(product);
        }
        let mut products = Self {
            vectors,
            sides: sides.to_vec(),
        };
        if rank > 1 && sides.len() > 2 {
            products.improve(tensor);
        }
        products
    }

    /// The tensor that the sum is.
    pub(super) fn tensor(&self) -> Vec<f64> {
        let mut tensor = vec![0.0; self.sides.iter().product()];
        for product in &self.vectors {
            each(product, &self.sides, |place, value| tensor[place] += value);
        }
        tensor
    }

    /// Squared distance to a tensor.
    fn distance(&self, tensor: &[f64]) -> f64 {
        let own = self.tensor();
        own.iter().zip(tensor).map(|(a, b)| (a - b).powi(2)).sum()
    }

    /// Alternating least squares; keeps the last state that was an improvement.
    fn improve(&mut self, tensor: &[f64]) {
        let scale: f64 = tensor.iter().map(|value| value * value).sum();
        let mut best = self.distance(tensor);
        for _ in 0..ITERATIONS {
            let before = self.clone();
            for axis in 0..self.sides.len() {
                self.refit(tensor, axis);
            }
            self.normalise();
            let now = self.distance(tensor);
            if !now.is_finite() || now > best {
                *self = before;
                return;
            }
            if best - now <= TOLERANCE * scale {
                return;
            }
            best = now;
        }
    }

    /// The vectors of one axis that are best for those of the others: `V = X₍ₐ₎ Z (ZᵀZ)⁻¹`.
    fn refit(&mut self, tensor: &[f64], axis: usize) {
        let rank = self.vectors.len();
        let mut gram = vec![vec![1.0; rank]; rank];
        for (i, row) in gram.iter_mut().enumerate() {
            for (j, entry) in row.iter_mut().enumerate() {
                for other in (0..self.sides.len()).filter(|&other| other != axis) {
                    *entry *= dot(&self.vectors[i][other], &self.vectors[j][other]);
                }
            }
        }
        let ridge = RIDGE * (0..rank).map(|i| gram[i][i]).sum::<f64>() + f64::MIN_POSITIVE;
        (0..rank).for_each(|i| gram[i][i] += ridge);
        let contracted: Vec<Vec<f64>> = self
            .vectors
            .iter()
            .map(|product| contract(tensor, &self.sides, product, axis))
            .collect();
        for place in 0..self.sides[axis] {
            let right = contracted.iter().map(|vector| vector[place]).collect();
            let solution = solve(gram.clone(), right);
            for (product, value) in self.vectors.iter_mut().zip(solution) {
                product[axis][place] = value;
            }
        }
    }

    /// Moves the lengths of all vectors into those of the first axis.
    fn normalise(&mut self) {
        for product in &mut self.vectors {
            let mut length = 1.0;
            for vector in &mut product[1..] {
                length *= unit(vector);
            }
            product[0].iter_mut().for_each(|value| *value *= length);
        }
    }
}

/// The closest single product to a tensor, by the power method from the fibres through its largest entry.
fn closest_product(tensor: &[f64], sides: &[usize]) -> Vec<Vec<f64>> {
    let largest = (0..tensor.len()).max_by(|&a, &b| tensor[a].abs().total_cmp(&tensor[b].abs()));
    let Some(largest) = largest.filter(|&place| tensor[place] != 0.0) else {
        return sides.iter().map(|&side| vec![0.0; side]).collect();
    };
    let mut product: Vec<Vec<f64>> = (0..sides.len())
        .map(|axis| {
            let stride: usize = sides[axis + 1..].iter().product();
            let start = largest - (largest / stride % sides[axis]) * stride;
            (0..sides[axis])
                .map(|i| tensor[start + i * stride])
                .collect()
        })
        .collect();
    product.iter_mut().for_each(|vector| {
        unit(vector);
    });
    let mut before = 0.0;
    for _ in 0..ITERATIONS {
        let mut length = 0.0;
        // the first axis last: its vector then carries the product's length
        for axis in (0..sides.len()).rev() {
            product[axis] = contract(tensor, sides, &product, axis);
            length = unit(&mut product[axis]);
        }
        if (length - before).abs() <= TOLERANCE * length {
            before = length;
            break;
        }
        before = length;
    }
    product[0].iter_mut().for_each(|value| *value *= before);
    product
}

/// The tensor times the vectors of all axes but one, summed: a vector along that one.
fn contract(tensor: &[f64], sides: &[usize], product: &[Vec<f64>], axis: usize) -> Vec<f64> {
    let mut out = vec![0.0; sides[axis]];
    let mut place = vec![0; sides.len()];
    for &value in tensor {
        let mut weight = value;
        for (other, vector) in product.iter().enumerate() {
            if other != axis {
                weight *= vector[place[other]];
            }
        }
        out[place[axis]] += weight;
        advance(&mut place, sides);
    }
    out
}

/// Every entry of a product of vectors, by its place in row-major order.
fn each(product: &[Vec<f64>], sides: &[usize], mut visit: impl FnMut(usize, f64)) {
    let mut place = vec![0; sides.len()];
    for number in 0..sides.iter().product() {
        visit(
            number,
            product.iter().zip(&place).map(|(v, &i)| v[i]).product(),
        );
        advance(&mut place, sides);
    }
}

/// The next index in row-major order.
fn advance(place: &mut [usize], sides: &[usize]) {
    for (index, &side) in place.iter_mut().zip(sides).rev() {
        *index += 1;
        if *index < side {
            return;
        }
        *index = 0;
    }
}

/// Scales a vector to length 1, unless it is 0; the length it had.
fn unit(vector: &mut [f64]) -> f64 {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    length
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Solves a small system by elimination with pivots; where a pivot vanishes, its unknown is 0.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))
            .unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        if matrix[column][column] == 0.0 {
            continue;
        }
        for row in column + 1..size {
            let factor = matrix[row][column] / matrix[column][column];
            for entry in column..size {
                matrix[row][entry] -= factor * matrix[column][entry];
            }
            right[row] -= factor * right[column];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|j| matrix[row][j] * right[j]).sum();
        right[row] = match matrix[row][row] {
            0.0 => 0.0,
            pivot => (right[row] - known) / pivot,
        };
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha12Rng;

    fn random(count: usize, seed: u64) -> Vec<f64> {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| (x - y).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    #[test]
    fn a_sum_of_products_is_found_again() {
        for (sides, rank) in [(vec![3, 5], 2), (vec![8, 3, 5], 1), (vec![8, 3, 3], 2)] {
            let exact = Products {
                vectors: (0..rank)
                    .map(|product| {
                        let vector = |(axis, &side): (usize, &usize)| {
                            random(side, (10 * product + axis) as u64)
                        };
                        sides.iter().enumerate().map(vector).collect()
                    })
                    .collect(),
                sides: sides.clone(),
            };
            let tensor = exact.tensor();
            let found = Products::closest(&tensor, &sides, rank);
            let error = distance(&found.tensor(), &tensor);
            assert!(error < 1e-3, "{sides:?}, rank {rank}: {error}");
        }
    }

    /// Eckart and Young: the error of the best rank-R matrix is the norm of the remaining singular values, here those of
    /// a diagonal matrix turned by two reflections.
    #[test]
    fn matrices_are_truncated_singular_value_decompositions() {
        let reflect = |vector: &[f64]| {
            let norm = dot(vector, vector);
            move |i: usize, j: usize, v: &[f64]| {
                f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j] / norm
            }
        };
        let (u, v, values) = (random(4, 1), random(4, 2), [5.0, 3.0, 0.5, 0.1]);
        let (left, right) = (reflect(&u), reflect(&v));
        let mut matrix = vec![0.0; 16];
        for i in 0..4 {
            for j in 0..4 {
                matrix[4 * i + j] = (0..4)
                    .map(|k| left(i, k, &u) * values[k] * right(k, j, &v))
                    .sum();
            }
        }
        for rank in 1..=3 {
            let found = Products::closest(&matrix, &[4, 4], rank);
            let best = dot(&values[rank..], &values[rank..]).sqrt();
            let error = distance(&found.tensor(), &matrix);
            assert!(
                (error - best).abs() < 1e-6,
                "rank {rank}: {error}, best {best}"
            );
        }
    }

    #[test]
    fn more_products_are_never_worse_and_nothing_stays_nothing() {
        let tensor = random(6 * 9, 3);
        let mut before = f64::INFINITY;
        for rank in 1..=3 {
            let error = distance(
                &Products::closest(&tensor, &[6, 3, 3], rank).tensor(),
                &tensor,
            );
            assert!(error <= before, "rank {rank}: {error} after {before}");
            before = error;
        }
        let zeros = Products::closest(&[0.0; 9], &[3, 3], 2);
        assert!(zeros.tensor().iter().all(|&value| value == 0.0));
    }
}
