"""Times scikit-fem + scipy on the cases of `fewave bench solver` and prints the same CSV.

Needs `pip install scikit-fem scipy`. Run with retained memory, as fewave is, and one thread (scipy's products have no more):
    MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456 OMP_NUM_THREADS=1 \
        python benches/peers/scikit_fem_waves.py [explicit|implicit] > peers.csv
The mesh is an unstructured (Delaunay) triangulation of the unit square, numbered row after row, which is kind to caches.

explicit: central difference, P1, lumped mass, as lean as scipy allows. `dt^2/m` is multiplied into the matrix beforehand, so
that a step is two calls: `csr_matvec` adds `-dt^2 M^-1 K u` to the increment `v` in place, then `u += v`. No sources, no
damping, no snapshots. f64, 4-byte indices.
implicit: Newmark (1/4, 1/2), P1, consistent mass, SuperLU with the settings for symmetric matrices (minimum degree on A^T + A,
no pivoting); a step is predict, `b = -K u`, solve, correct.
Times are the least of several repeats of many steps, wall clock; a DoF-step is one degree of freedom advanced by one step.
"""

import sys
import time

import numpy as np
import scipy.sparse as sparse
from scipy.sparse import _sparsetools
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay
from skfem import Basis, ElementTriP1, MeshTri
from skfem.models.poisson import laplace, mass


def unstructured(points_a_side):
    """Jittered points, Delaunay's triangles."""
    n = points_a_side
    grid = np.stack(np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="xy"), -1)
    rng = np.random.default_rng(0)
    shift = rng.uniform(-0.25, 0.25, grid.shape) / (n - 1)
    shift[:, [0, -1], 0] = 0
    shift[[0, -1], :, 1] = 0
    points = (grid + shift).reshape(-1, 2)
    triangles = Delaunay(points).simplices
    # row after row, as the points are
    triangles = triangles[np.argsort(triangles.min(axis=1), kind="stable")]
    mesh = MeshTri(points.T.copy(), triangles.T.astype(np.int64))
    basis = Basis(mesh, ElementTriP1())
    return laplace.assemble(basis).tocsr(), mass.assemble(basis).tocsr(), basis.doflocs


def least_seconds(step, steps, repeats=7):
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        best = min(best, (time.perf_counter() - start) / steps)
    return best


def report(case, dofs, seconds):
    print(f"scikit-fem,{case},f64,1,1,{dofs},{dofs / seconds / 1e6:.1f},{seconds * 1e9 / dofs:.3f}", flush=True)


def explicit(points_a_side):
    stiffness, masses, at = unstructured(points_a_side)
    lumped = np.asarray(masses.sum(axis=1)).ravel()
    n = len(lumped)
    # Gershgorin bounds the largest eigenvalue
    bound = (np.asarray(abs(stiffness).sum(axis=1)).ravel() / lumped).max()
    dt = 0.9 * 2 / np.sqrt(bound)
    matrix = sparse.csr_matrix(sparse.diags(-(dt**2) / lumped) @ stiffness)
    indptr, indices, data = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data
    u = np.exp(-((at[0] - 0.4) ** 2 + (at[1] - 0.5) ** 2) / 0.01)
    v = np.zeros(n)

    def step():
        nonlocal u
        _sparsetools.csr_matvec(n, n, indptr, indices, data, u, v)
        u += v

    seconds = least_seconds(step, max(20, 20_000_000 // n))
    assert np.isfinite(u).all() and abs(u).max() < 2
    report("p1-assembled", n, seconds)


def implicit(points_a_side):
    stiffness, masses, at = unstructured(points_a_side)
    n = stiffness.shape[0]
    dt = 2.0 / points_a_side
    system = (masses + 0.25 * dt**2 * stiffness).tocsc()
    options = {"SymmetricMode": True, "Equil": False}
    factor = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    u = np.exp(-((at[0] - 0.4) ** 2 + (at[1] - 0.5) ** 2) / 0.01)
    v = np.zeros(n)
    a = np.zeros(n)

    def step():
        nonlocal a
        u[:] += dt * v + (0.25 * dt**2) * a
        v[:] += (0.5 * dt) * a
        a = factor.solve(-(stiffness @ u))
        u[:] += (0.25 * dt**2) * a
        v[:] += (0.5 * dt) * a

    seconds = least_seconds(step, 20, 4)
    assert np.isfinite(u).all()
    report("p1-newmark", n, seconds)


def main():
    wanted = sys.argv[1:] or ["explicit", "implicit"]
    print("side,case,precision,threads,lanes,dofs,mdofs_per_second,ns_per_dof_step")
    if "explicit" in wanted:
        for n in (501, 1001):
            explicit(n)
    if "implicit" in wanted:
        for n in (256, 511):
            implicit(n)


main()
