//! What a layer adds to the forces of a step, `B φ` with `(Bφ)_a = ∫ φ·∇φ_a dx`, for lanes side by side.
//!
//! φ lives at the quadrature points of the layer's cells. The trapezoidal rule for `φ_t = Γ₁ φ + Γ₂ ∇u` gives
//! `φⁿ = a φⁿ⁻¹ + b (∇uⁿ⁻¹ + ∇uⁿ)`, `a = (1 + dt/2 Γ₁)/(1 − dt/2 Γ₁)`, `b = dt/2 Γ₂/(1 − dt/2 Γ₁)`. What is kept from step to step is
//! `s = a φ + b ∇u`, so that `φⁿ = s + b ∇uⁿ` needs no old gradient. ζ is that of the dataset's largest speed, the same in
//! every lane; so are `a` and `b`.

use pulp::bytemuck::cast_slice_mut;
use pulp::{Arch, Simd, WithSimd, bytemuck::cast_slice};

use super::Layer;
use crate::element::Element;
use crate::field::Field;
use crate::memory;
use crate::real::Real;
use crate::simd::{Packs, Single};
use crate::space::Space;

/// Most nodes of an element that is not a tensor product of its quadrature points.
const MOST_NODES: usize = 9;

/// The geometry of a cell: `x_i = Σ_j J_ij ξ_j + const`.
#[derive(Debug, Clone, Copy)]
struct Geometry<T> {
    /// `J⁻¹`, by row.
    inverse: [[T; 2]; 2],
    /// `det J · J⁻¹`, by row.
    scaled: [[T; 2]; 2],
}

/// Gradients of the basis on the reference cell.
#[derive(Debug, Clone)]
enum Basis<T> {
    /// Nodes are the quadrature points of an axis-parallel rectangle: `slopes[q·n + i] = φ_i'(x_q)`.
    Collocated { n: usize, slopes: Vec<T> },
    /// `gradients[q·nodes + a]`.
    Any {
        nodes: usize,
        gradients: Vec<[T; 2]>,
    },
}

/// The cells of a layer.
#[derive(Debug, Clone)]
pub(crate) struct LayerOperator<T> {
    basis: Basis<T>,
    /// Weights of the quadrature on the reference cell.
    weights: Vec<T>,
    cell_dofs: Vec<u32>,
    geometry: Vec<Geometry<T>>,
    /// a and b of φ₁, then of φ₂, per quadrature point.
    coefficients: Vec<[T; 4]>,
}

/// The memory of a layer, `s` at [point][component], for `L` lanes.
#[derive(Debug)]
pub(crate) struct LayerState<T, const L: usize>(Field<T, L>);

impl<T: Real> LayerOperator<T> {
    /// Degrees of freedom of the layer's cells, cell after cell.
    pub(crate) fn dofs(&self) -> &[u32] {
        &self.cell_dofs
    }

    /// Tabulates a layer of `space`, domain and layer together, for steps of `dt` (s).
    pub(crate) fn new(layer: &Layer, space: &Space, dt: f64) -> Self {
        let reference = space.reference();
        let quadrature = reference.quadrature();
        let basis = match space.element() {
            Element::GllQuad { order } => {
                let n = order + 1;
                let points: Vec<f64> = (0..n).map(|i| reference.node(i)[0]).collect();
                let matrix = reference.line().derivatives_at(&points);
                Basis::Collocated {
                    n,
                    slopes: (0..n * n)
                        .map(|k| T::from_f64(matrix[(k / n, k % n)]))
                        .collect(),
                }
            }
            // no tensor product, or other quadrature points than nodes
            _ => {
                let nodes = reference.nodes();
                let mut gradients = vec![[0.0; 2]; nodes];
                let tabulated = quadrature.iter().flat_map(|&(point, _)| {
                    reference.gradients(point, &mut gradients);
                    gradients
                        .iter()
                        .map(|g| g.map(T::from_f64))
                        .collect::<Vec<_>>()
                });
                Basis::Any {
                    nodes,
                    gradients: tabulated.collect(),
                }
            }
        };
        let cells = space.domain_cells()..space.mesh().cell_count();
        let mut geometry = Vec::with_capacity(cells.len());
        let mut coefficients = Vec::with_capacity(cells.len() * quadrature.len());
        for cell in cells.clone() {
            let map = space.mesh().cell_map(cell);
            // constant: cells of the layer are rectangles or halves of them
            let jacobian = map.jacobian(space.mesh().shape().centre());
            let (a, b, c, d) = (
                jacobian[(0, 0)],
                jacobian[(0, 1)],
                jacobian[(1, 0)],
                jacobian[(1, 1)],
            );
            let det = a * d - b * c;
            let scaled = [[d, -b], [-c, a]];
            geometry.push(Geometry {
                inverse: scaled.map(|row| row.map(|x| T::from_f64(x / det))),
                scaled: scaled.map(|row| row.map(T::from_f64)),
            });
            for &(point, _) in quadrature {
                let [z1, z2] = layer.damping(map.position(point));
                let half = 0.5 * dt;
                let of = |own: f64, other: f64| {
                    let scale = 1.0 / (1.0 + half * own);
                    [(1.0 - half * own) * scale, half * (other - own) * scale]
                };
                let ([a1, b1], [a2, b2]) = (of(z1, z2), of(z2, z1));
                coefficients.push([a1, b1, a2, b2].map(T::from_f64));
            }
        }
        let nodes = reference.nodes();
        Self {
            basis,
            weights: quadrature.iter().map(|&(_, w)| T::from_f64(w)).collect(),
            cell_dofs: space.all_cell_dofs()[cells.start * nodes..].to_vec(),
            geometry,
            coefficients,
        }
    }

    /// Bytes that all groups share.
    pub(crate) fn memory_bytes(&self) -> u64 {
        (size_of_val(&self.cell_dofs[..])
            + size_of_val(&self.geometry[..])
            + size_of_val(&self.coefficients[..])) as u64
    }

    /// Bytes of the state of one lane.
    pub(crate) fn state_bytes(&self) -> u64 {
        memory::product(&[self.coefficients.len(), 2, size_of::<T>()])
    }

    /// A layer at rest.
    pub(crate) fn at_rest<const L: usize>(&self) -> LayerState<T, L> {
        LayerState(Field::zeros(2 * self.coefficients.len()))
    }

    /// Goes on to the displacement `u` of the next step and adds `B φ` to `force`.
    pub(crate) fn advance<const L: usize>(
        &self,
        state: &mut LayerState<T, L>,
        u: &[[T; L]],
        force: &mut [[T; L]],
    ) {
        Arch::new().dispatch(Pass {
            operator: self,
            state: Some(&mut state.0),
            u,
            force,
        });
    }

    /// Subtracts from `product` what the layer's cells contribute to `K u`.
    pub(crate) fn subtract_stiffness<const L: usize>(&self, u: &[[T; L]], product: &mut [[T; L]]) {
        Arch::new().dispatch(Pass {
            operator: self,
            state: None,
            u,
            force: product,
        });
    }

    #[inline(always)]
    fn run<P: Packs<T>>(
        &self,
        packs: P,
        flux: &mut impl Flux<T, P>,
        u: &[P::Pack],
        force: &mut [P::Pack],
        stride: usize,
    ) {
        match &self.basis {
            Basis::Any { nodes, gradients } => {
                self.any(packs, *nodes, gradients, flux, u, force, stride);
            }
            Basis::Collocated { n, slopes } => match n {
                2 => self.collocated::<P, 2>(packs, slopes, flux, u, force, stride),
                3 => self.collocated::<P, 3>(packs, slopes, flux, u, force, stride),
                4 => self.collocated::<P, 4>(packs, slopes, flux, u, force, stride),
                5 => self.collocated::<P, 5>(packs, slopes, flux, u, force, stride),
                6 => self.collocated::<P, 6>(packs, slopes, flux, u, force, stride),
                7 => self.collocated::<P, 7>(packs, slopes, flux, u, force, stride),
                8 => self.collocated::<P, 8>(packs, slopes, flux, u, force, stride),
                // orders are at most 8, checked by `ReferenceElement::new`
                _ => self.collocated::<P, 9>(packs, slopes, flux, u, force, stride),
            },
        }
    }

    #[inline(always)]
    fn collocated<P: Packs<T>, const N: usize>(
        &self,
        packs: P,
        slopes: &[T],
        flux: &mut impl Flux<T, P>,
        u: &[P::Pack],
        force: &mut [P::Pack],
        stride: usize,
    ) {
        let zero = packs.splat(T::ZERO);
        let slopes: [[T; N]; N] =
            std::array::from_fn(|q| std::array::from_fn(|i| slopes[q * N + i]));
        let cells = self.cell_dofs.chunks_exact(N * N).zip(&self.geometry);
        for (cell, (dofs, geometry)) in cells.enumerate() {
            let slope = [geometry.inverse[0][0], geometry.inverse[1][1]].map(|s| packs.splat(s));
            let scale = [geometry.scaled[0][0], geometry.scaled[1][1]].map(|s| packs.splat(s));
            for p in 0..stride {
                let mut local = [[zero; N]; N];
                for (value, &dof) in local.as_flattened_mut().iter_mut().zip(dofs) {
                    *value = u[dof as usize * stride + p];
                }
                let mut flux_x = [[zero; N]; N];
                let mut flux_y = [[zero; N]; N];
                for j in 0..N {
                    for i in 0..N {
                        let (mut gx, mut gy) = (zero, zero);
                        for k in 0..N {
                            gx = packs.mul_add(packs.splat(slopes[i][k]), local[j][k], gx);
                            gy = packs.mul_add(packs.splat(slopes[j][k]), local[k][i], gy);
                        }
                        let point = cell * N * N + j * N + i;
                        let gradient = [packs.mul(slope[0], gx), packs.mul(slope[1], gy)];
                        let [fx, fy] = flux.at(packs, point * 2 * stride + p, point, gradient);
                        let weight = packs.splat(self.weights[j * N + i]);
                        flux_x[j][i] = packs.mul(packs.mul(weight, scale[0]), fx);
                        flux_y[j][i] = packs.mul(packs.mul(weight, scale[1]), fy);
                    }
                }
                for j in 0..N {
                    for i in 0..N {
                        let row = dofs[j * N + i] as usize * stride + p;
                        let mut sum = force[row];
                        for k in 0..N {
                            sum = packs.mul_add(packs.splat(slopes[k][i]), flux_x[j][k], sum);
                            sum = packs.mul_add(packs.splat(slopes[k][j]), flux_y[k][i], sum);
                        }
                        force[row] = sum;
                    }
                }
            }
        }
    }

    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "the tables of one variant of the basis"
    )]
    fn any<P: Packs<T>>(
        &self,
        packs: P,
        nodes: usize,
        gradients: &[[T; 2]],
        flux: &mut impl Flux<T, P>,
        u: &[P::Pack],
        force: &mut [P::Pack],
        stride: usize,
    ) {
        let zero = packs.splat(T::ZERO);
        let points = self.weights.len();
        let cells = self.cell_dofs.chunks_exact(nodes).zip(&self.geometry);
        for (cell, (dofs, geometry)) in cells.enumerate() {
            let [[ia, ib], [ic, id]] = geometry.inverse.map(|row| row.map(|x| packs.splat(x)));
            let [[sa, sb], [sc, sd]] = geometry.scaled.map(|row| row.map(|x| packs.splat(x)));
            for p in 0..stride {
                let mut sums = [zero; MOST_NODES];
                for q in 0..points {
                    let basis = &gradients[q * nodes..(q + 1) * nodes];
                    let (mut along_xi, mut along_eta) = (zero, zero);
                    for (&dof, [xi, eta]) in dofs.iter().zip(basis) {
                        let value = u[dof as usize * stride + p];
                        along_xi = packs.mul_add(packs.splat(*xi), value, along_xi);
                        along_eta = packs.mul_add(packs.splat(*eta), value, along_eta);
                    }
                    let gradient = [
                        packs.mul_add(ia, along_xi, packs.mul(ic, along_eta)),
                        packs.mul_add(ib, along_xi, packs.mul(id, along_eta)),
                    ];
                    let point = cell * points + q;
                    let [fx, fy] = flux.at(packs, point * 2 * stride + p, point, gradient);
                    let weight = packs.splat(self.weights[q]);
                    let f_xi = packs.mul(weight, packs.mul_add(sa, fx, packs.mul(sb, fy)));
                    let f_eta = packs.mul(weight, packs.mul_add(sc, fx, packs.mul(sd, fy)));
                    for (sum, [xi, eta]) in sums.iter_mut().zip(basis) {
                        *sum = packs.mul_add(packs.splat(*xi), f_xi, *sum);
                        *sum = packs.mul_add(packs.splat(*eta), f_eta, *sum);
                    }
                }
                for (&dof, sum) in dofs.iter().zip(sums) {
                    let row = dof as usize * stride + p;
                    force[row] = packs.add(force[row], sum);
                }
            }
        }
    }
}

/// A vector at every quadrature point from the gradient there.
trait Flux<T, P: Packs<T>> {
    /// `slot` is the place of the first component in the state, in packs.
    fn at(&mut self, packs: P, slot: usize, point: usize, gradient: [P::Pack; 2]) -> [P::Pack; 2];
}

/// φ, going on by one step.
struct Memory<'a, T, K> {
    coefficients: &'a [[T; 4]],
    state: &'a mut [K],
    stride: usize,
}

impl<T: Real, P: Packs<T>> Flux<T, P> for Memory<'_, T, P::Pack> {
    #[inline(always)]
    fn at(&mut self, packs: P, slot: usize, point: usize, gradient: [P::Pack; 2]) -> [P::Pack; 2] {
        let [a1, b1, a2, b2] = self.coefficients[point].map(|x| packs.splat(x));
        let mut step = |slot: usize, a, b, gradient| {
            let phi = packs.mul_add(b, gradient, self.state[slot]);
            self.state[slot] = packs.mul_add(a, phi, packs.mul(b, gradient));
            phi
        };
        [
            step(slot, a1, b1, gradient[0]),
            step(slot + self.stride, a2, b2, gradient[1]),
        ]
    }
}

/// `−∇u`.
struct NegativeGradient;

impl<T: Real, P: Packs<T>> Flux<T, P> for NegativeGradient {
    #[inline(always)]
    fn at(&mut self, packs: P, _: usize, _: usize, [x, y]: [P::Pack; 2]) -> [P::Pack; 2] {
        let zero = packs.splat(T::ZERO);
        [packs.sub(zero, x), packs.sub(zero, y)]
    }
}

/// A pass over the cells, for the widest registers of the machine.
struct Pass<'a, T, const L: usize> {
    operator: &'a LayerOperator<T>,
    state: Option<&'a mut [[T; L]]>,
    u: &'a [[T; L]],
    force: &'a mut [[T; L]],
}

impl<T: Real, const L: usize> WithSimd for Pass<'_, T, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (u, force) = (self.u.as_flattened(), self.force.as_flattened_mut());
        let coefficients = &self.operator.coefficients[..];
        let width = size_of::<<T::Registers<S> as Packs<T>>::Pack>() / size_of::<T>();
        if L.is_multiple_of(width) {
            let (packs, stride) = (T::registers(simd), L / width);
            let (u, force) = (cast_slice(u), cast_slice_mut(force));
            match self.state {
                Some(state) => {
                    let state = cast_slice_mut(state.as_flattened_mut());
                    let mut flux = Memory {
                        coefficients,
                        state,
                        stride,
                    };
                    self.operator.run(packs, &mut flux, u, force, stride);
                }
                None => {
                    self.operator
                        .run(packs, &mut NegativeGradient, u, force, stride);
                }
            }
        } else {
            match self.state {
                Some(state) => {
                    let mut flux = Memory {
                        coefficients,
                        state: state.as_flattened_mut(),
                        stride: L,
                    };
                    self.operator.run(Single, &mut flux, u, force, L);
                }
                None => self
                    .operator
                    .run(Single, &mut NegativeGradient, u, force, L),
            }
        }
    }
}
