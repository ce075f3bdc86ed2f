"""Receivers on a plate with a hole and an inclusion by scikit-fem, for `fewave verify --only plate`.

    pip install scikit-fem scipy numpy meshio
    python benches/peers/plate_receivers.py            writes src/verify/plate_skfem.csv (committed)

Nothing but the mesh file, the physics and the signal is shared with fewave: matrices, loads and stepping are scikit-fem's,
scipy's and those written here. m u_tt - div grad u = s(t) delta(x - x_s), m = 1/c^2, hole fixed, outer sides free.
P1: mass lumped by rows, central difference. P2: consistent mass, Newmark with beta = 1/4, gamma = 1/2."""

import csv
import pathlib

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as linalg
import skfem
from skfem.helpers import dot, grad

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEEDS = {"plate": 1.0, "inclusion": 0.6}
SOURCE = (0.123, 0.217)
RECEIVERS = [(0.9, 0.45), (0.71, 0.29), (0.31, 0.481)]
FREQUENCY = 2.0
DT = 0.001
STEPS = 2000
EVERY = 5


def ricker(time):
    """Ricker wavelet with its peak after one and a half periods."""
    a = (np.pi * FREQUENCY * (time - 1.5 / FREQUENCY)) ** 2
    return (1 - 2 * a) * np.exp(-a)


def matrices(mesh, element):
    basis = skfem.Basis(mesh, element, intorder=6)
    density = np.empty(mesh.t.shape[1])
    for name, speed in SPEEDS.items():
        density[mesh.subdomains[name]] = 1 / speed**2
    stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    m = basis.with_element(skfem.ElementTriP0()).interpolate(density)
    mass = skfem.BilinearForm(lambda u, v, w: w["m"] * u * v).assemble(basis, m=m)
    load = basis.point_source(np.array(SOURCE))
    probe = basis.probes(np.array(RECEIVERS).T)
    fixed = basis.get_dofs("hole").all()
    free = np.setdiff1d(np.arange(basis.N), fixed)
    # row sums before the rows of the fixed nodes go
    lumped = np.asarray(mass.sum(axis=1)).ravel()[free]
    cut = lambda a: a[free][:, free].tocsr()
    return cut(mass), lumped, cut(stiffness), load[free], sparse.csr_matrix(probe)[:, free]


def explicit(_, lumped, stiffness, load, probe):
    """Central difference with row-summed mass."""
    inverse = 1 / lumped
    before, now = np.zeros(len(load)), np.zeros(len(load))
    rows = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            rows.append(probe @ now)
        force = load * ricker(step * DT) - stiffness @ now
        # at rest at t = 0: the first step is half an acceleration
        change = DT**2 * inverse * force
        before, now = now, now + 0.5 * change if step == 0 else 2 * now - before + change
    return np.array(rows)


def implicit(mass, _, stiffness, load, probe):
    """Newmark's method, beta = 1/4, gamma = 1/2."""
    solve = linalg.splu((mass + 0.25 * DT**2 * stiffness).tocsc()).solve
    start = linalg.splu(mass.tocsc()).solve
    u, v = np.zeros(len(load)), np.zeros(len(load))
    a = start(load * ricker(0.0))
    rows = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            rows.append(probe @ u)
        predicted = u + DT * v + 0.25 * DT**2 * a
        following = solve(load * ricker((step + 1) * DT) - stiffness @ predicted)
        u = predicted + 0.25 * DT**2 * following
        v = v + 0.5 * DT * (a + following)
        a = following
    return np.array(rows)


def main():
    mesh = skfem.Mesh.load(ROOT / "src" / "verify" / "meshes" / "plate.msh")
    p1 = explicit(*matrices(mesh, skfem.ElementTriP1()))
    p2 = implicit(*matrices(mesh, skfem.ElementTriP2()))
    with open(ROOT / "src" / "verify" / "plate_skfem.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [f"{element} receiver {i}" for element in ("P1", "P2") for i in range(len(RECEIVERS))]
        writer.writerow(["time (s)", *(f"{name} (m)" for name in names)])
        for row, values in enumerate(np.hstack([p1, p2])):
            writer.writerow([f"{row * EVERY * DT:.3f}", *(f"{value:.8e}" for value in values)])


if __name__ == "__main__":
    main()
