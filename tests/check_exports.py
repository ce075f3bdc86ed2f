#!/usr/bin/env python3
"""Checks what fewave exports for ParaView, with meshio and h5py: XDMF beside a data file, and VTU of the field on its mesh.

    python3 tests/check_exports.py OUT.hdf5 OUT.xdmf VTU_DIR

OUT.xdmf must show exactly the snapshots of OUT.hdf5 at its grid points. The VTU series must have the same times, and its mesh
the same box; where a node of the mesh is a grid point, both displacements must be equal. Exits with 1 where not.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import h5py
import meshio
import numpy as np


class Reader(meshio.xdmf.TimeSeriesReader):
    """meshio's reader, taught the hyperslabs of the XDMF model: start, stride and count, then the whole."""

    def _read_data_item(self, item):
        if item.get("ItemType") != "HyperSlab":
            return super()._read_data_item(item)
        slab, whole = list(item)
        start, stride, count = super()._read_data_item(slab)
        values = super()._read_data_item(whole)
        assert list(values.shape) == [int(n) for n in whole.get("Dimensions").split()], "dimensions of the whole"
        chosen = values[tuple(slice(a, a + s * n, s) for a, s, n in zip(start, stride, count))]
        assert list(chosen.shape) == [int(n) for n in item.get("Dimensions").split()], "dimensions of the slab"
        return chosen.ravel()


def check_xdmf(data, xdmf):
    x, y, times = (data[f"fewave/{name}"][()] for name in ("x", "y", "time"))
    with Reader(xdmf) as series:
        points, cells = series.read_points_cells()
        expected = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
        assert np.array_equal(points, expected), "points in the order of the fields"
        corners = points[cells[0].data]
        edge, other = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
        areas = edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0]
        assert np.all(areas > 0), "cells counter-clockwise"
        assert np.isclose(areas.sum(), np.ptp(x) * np.ptp(y)), "cells cover the box"
        assert series.num_steps == len(times), "one grid a snapshot"
        for step in range(series.num_steps):
            time, fields, _ = series.read_data(step)
            assert time == times[step], "times"
            assert np.array_equal(fields["displacement"], data["t0_fields/displacement"][0, step].ravel()), f"snapshot {step}"
            assert np.array_equal(fields["speed"], data["t0_fields/speed"][0].ravel()), "speed"


def check_vtu(data, folder):
    x, y, times = (data[f"fewave/{name}"][()] for name in ("x", "y", "time"))
    entries = ElementTree.parse(folder / "series.pvd").getroot().findall("Collection/DataSet")
    assert [float(entry.get("timestep")) for entry in entries] == list(times), "times of the series"
    compared = 0
    for step, entry in enumerate(entries):
        mesh = meshio.read(folder / entry.get("file"))
        points, values = mesh.points[:, :2], mesh.point_data["displacement"]
        assert np.allclose(points.min(0), [x[0], y[0]]) and np.allclose(points.max(0), [x[-1], y[-1]]), "box"
        assert set(np.unique(np.concatenate([block.data.ravel() for block in mesh.cells]))) == set(range(len(points)))
        scale = max(np.abs(values).max(), 1e-30)
        i, j = (np.abs(axis[:, None] - points[:, n]).argmin(0) for n, axis in enumerate((x, y)))
        same = np.hypot(x[i] - points[:, 0], y[j] - points[:, 1]) < 1e-9
        difference = data["t0_fields/displacement"][0, step][i[same], j[same]] - values[same]
        assert np.abs(difference).max() <= 1e-6 * scale, f"snapshot {step} at shared points"
        assert np.all(mesh.point_data["speed"] > 0), "speed"
        compared += int(same.sum())
    assert compared >= 4 * len(entries), "corners are points of both"


def main():
    file, xdmf, folder = (pathlib.Path(argument) for argument in sys.argv[1:])
    with h5py.File(file) as data:
        check_xdmf(data, xdmf)
        check_vtu(data, folder)
    print(f"{xdmf} and {folder}: as meshio reads them, they hold what {file} holds")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(f"export check failed: {failure}")
