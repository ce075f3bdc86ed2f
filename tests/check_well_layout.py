#!/usr/bin/env python3
"""Checks a dataset folder against The Well's layout, with h5py and numpy only.

Written from the rules of the layout, not from fewave's own reader, so that a misreading of the rules there shows here.

    python3 tests/check_well_layout.py DIR

DIR holds data/{train,valid,test}/*.hdf5 and stats.yaml. Prints every violation and exits with 1 if there are any.
"""

import pathlib
import sys

import h5py
import numpy as np

SPLITS = ("train", "valid", "test")
STATISTICS = ("mean", "std", "rms", "mean_delta", "std_delta", "rms_delta")
BOUNDARIES = ("PERIODIC", "WALL", "OPEN")


class File:
    """One HDF5 file and the list that violations go to."""

    def __init__(self, path, h5, violations):
        self.path, self.h5, self.violations = path, h5, violations

    def rule(self, holds, place, rule):
        if not holds:
            self.violations.append(f"{self.path}: {place}: {rule}")
        return bool(holds)

    # Attributes, by the type that the layout asks for.

    def attribute(self, at, name):
        """The attribute, opened at a low level to see its stored type; None where missing."""
        place = f"{at.name}@{name}"
        if self.rule(name in at.attrs, place, "the attribute must exist"):
            return at.attrs.get_id(name)
        return None

    def text(self, at, name):
        stored = self.attribute(at, name)
        if stored is None:
            return None
        kind = h5py.check_string_dtype(stored.dtype)
        sound = kind is not None and kind.length is None and kind.encoding == "utf-8" and stored.shape == ()
        self.rule(sound, f"{at.name}@{name}", "must be one variable-length UTF-8 string")
        return at.attrs[name] if sound else None

    def texts(self, at, name):
        stored = self.attribute(at, name)
        if stored is None:
            return None
        kind = h5py.check_string_dtype(stored.dtype)
        sound = kind is not None and kind.length is None and kind.encoding == "utf-8" and len(stored.shape) == 1
        self.rule(sound, f"{at.name}@{name}", "must be a list of variable-length UTF-8 strings")
        return [str(text) for text in at.attrs[name]] if sound else None

    def integer(self, at, name):
        stored = self.attribute(at, name)
        if stored is None:
            return None
        sound = np.issubdtype(stored.dtype, np.integer) and stored.shape == ()
        self.rule(sound, f"{at.name}@{name}", "must be one integer")
        return int(at.attrs[name]) if sound else None

    def is_bool(self, type_id):
        """Whether a stored type is the int8 enum FALSE = 0, TRUE = 1 that h5py writes for bool."""
        if type_id.get_class() != h5py.h5t.ENUM or type_id.get_size() != 1:
            return False
        if type_id.get_super().get_sign() != h5py.h5t.SGN_2:
            return False
        names = {type_id.get_member_name(i): type_id.get_member_value(i) for i in range(type_id.get_nmembers())}
        return names == {b"FALSE": 0, b"TRUE": 1}

    def flag(self, at, name):
        stored = self.attribute(at, name)
        if stored is None:
            return None
        sound = self.is_bool(stored.get_type()) and stored.shape == ()
        self.rule(sound, f"{at.name}@{name}", "must be one boolean, an int8 enum with FALSE = 0 and TRUE = 1")
        return bool(at.attrs[name]) if sound else None

    def flags(self, at, name):
        stored = self.attribute(at, name)
        if stored is None:
            return None
        sound = self.is_bool(stored.get_type()) and len(stored.shape) == 1
        self.rule(sound, f"{at.name}@{name}", "must be a list of booleans, int8 enums with FALSE = 0 and TRUE = 1")
        return [bool(flag) for flag in at.attrs[name]] if sound else None

    # Members.

    def group(self, name):
        sound = isinstance(self.h5.get(name), h5py.Group)
        self.rule(sound, f"/{name}", "must be a group")
        return self.h5[name] if sound else None

    def dataset(self, parent, name):
        sound = isinstance(parent.get(name), h5py.Dataset)
        self.rule(sound, f"{parent.name}/{name}", "must be a dataset")
        return parent[name] if sound else None

    def shape(self, dataset, expected):
        return self.rule(dataset.shape == tuple(expected), dataset.name, f"shape {dataset.shape}, not {tuple(expected)}")

    def finite(self, dataset):
        self.rule(np.isfinite(dataset[()]).all(), dataset.name, "must be finite")

    def described(self, dataset):
        """Ours: unit and description on every dataset."""
        self.text(dataset, "unit")
        self.text(dataset, "description")

    # The layout, group by group.

    def check(self):
        h5 = self.h5
        self.name = self.text(h5, "dataset_name")
        grid = self.text(h5, "grid_type")
        self.rule(grid == "cartesian", "/@grid_type", f"{grid!r}, not 'cartesian'")
        self.dimensions = self.integer(h5, "n_spatial_dims")
        self.rule(self.dimensions == 2, "/@n_spatial_dims", f"{self.dimensions}, not 2")
        self.trajectories = self.integer(h5, "n_trajectories")
        self.rule((self.trajectories or 0) > 0, "/@n_trajectories", "must be positive")
        self.parameters = self.texts(h5, "simulation_parameters") or []
        self.fields, self.sound = {}, True
        self.axes()
        self.boundary_conditions()
        self.scalars()
        for order in range(3):
            self.field_group(order)
        self.ours()

    def axes(self):
        self.times, self.sizes = 0, {}
        group = self.group("dimensions")
        if group is None:
            return
        names = self.texts(group, "spatial_dims")
        self.rule(names == ["x", "y"], "/dimensions@spatial_dims", f"{names}, not ['x', 'y']")
        for name in ["time", "x", "y"]:
            dataset = self.dataset(group, name)
            if dataset is None:
                continue
            self.rule(dataset.dtype == np.float32, dataset.name, "must be f32")
            self.described(dataset)
            sample, time = self.flag(dataset, "sample_varying"), self.flag(dataset, "time_varying")
            self.rule(sample is False, f"{dataset.name}@sample_varying", "must be false for a shape without trajectories")
            if name != "time":
                self.rule(time is False, f"{dataset.name}@time_varying", "must be false")
            if self.rule(dataset.ndim == 1 and dataset.size > 0, dataset.name, "must have one axis"):
                self.finite(dataset)
                self.rule((np.diff(dataset[()]) > 0).all(), dataset.name, "must increase")
                if name == "time":
                    self.times = dataset.size
                else:
                    self.sizes[name] = dataset.size

    def boundary_conditions(self):
        group = self.group("boundary_conditions")
        self.boundaries = sorted(group or {})
        for name, condition in (group or {}).items():
            if not self.rule(isinstance(condition, h5py.Group), condition.name, "must be a group"):
                continue
            kind = self.text(condition, "bc_type")
            self.rule(kind in BOUNDARIES, f"{condition.name}@bc_type", f"{kind!r} is none of {BOUNDARIES}")
            dims = self.texts(condition, "associated_dims") or []
            self.rule(dims and set(dims) <= set(self.sizes), f"{condition.name}@associated_dims", "must be dimensions")
            self.texts(condition, "associated_fields")
            self.flag(condition, "sample_varying")
            self.flag(condition, "time_varying")
            self.text(condition, "description")
            self.rule((kind or "").lower() in name.lower(), condition.name, "the name must contain the type")
            self.rule(all(dim in name for dim in dims), condition.name, "the name must contain the dimension")
            mask = self.dataset(condition, "mask")
            if mask is not None:
                self.described(mask)
                self.rule(self.is_bool(mask.id.get_type()), mask.name, "must be boolean, an int8 enum FALSE/TRUE")
                self.shape(mask, [self.sizes.get(dim, 0) for dim in dims])
                self.rule(mask[()].any(), mask.name, "must hold somewhere")

    def scalars(self):
        group = self.group("scalars")
        if group is None:
            return
        names = self.texts(group, "field_names") or []
        self.rule(set(group) == set(names), "/scalars", "members and @field_names must be the same")
        for name in self.parameters:
            self.rule(name in names, f"/scalars/{name}", "a simulation parameter must be a scalar")
            self.rule(name in self.h5.attrs, f"/@{name}", "a simulation parameter must be a root attribute")
        for name in names:
            dataset = self.dataset(group, name)
            if dataset is None:
                continue
            self.described(dataset)
            sample, time = self.flag(dataset, "sample_varying"), self.flag(dataset, "time_varying")
            self.shape(dataset, [self.trajectories] * bool(sample) + [self.times] * bool(time))
            self.rule(np.issubdtype(dataset.dtype, np.floating), dataset.name, "must be a number")
            self.finite(dataset)
            if name in self.parameters:
                self.rule(sample is False and time is False, dataset.name, "a simulation parameter must be constant")
                same = np.array_equal(self.h5.attrs.get(name), dataset[()])
                self.rule(same, f"/@{name}", f"must equal /scalars/{name}")

    def field_group(self, order):
        group = self.group(f"t{order}_fields")
        if group is None:
            return
        names = self.texts(group, "field_names")
        self.rule(set(group) == set(names or []), group.name, "members and @field_names must be the same")
        for name in names or []:
            field = self.dataset(group, name)
            if field is None:
                self.sound = False
                continue
            self.described(field)
            self.rule(field.dtype == np.float32, field.name, "must be f32")
            sample, time = self.flag(field, "sample_varying"), self.flag(field, "time_varying")
            varying = self.flags(field, "dim_varying") or []
            self.rule(len(varying) == self.dimensions, f"{field.name}@dim_varying", "must have a boolean per dimension")
            shape = [self.trajectories] * bool(sample) + [self.times] * bool(time)
            shape += [size for size, varies in zip(self.sizes.values(), varying) if varies] + [2] * order
            if self.shape(field, shape):
                self.finite(field)
            else:
                self.sound = False
            self.fields[name] = bool(time)

    def ours(self):
        """fewave's own group: nothing that The Well's readers look at, but what its users rely on."""
        group = self.group("fewave")
        if group is None:
            return
        for name in ["version", "config", "config_hash", "split"]:
            self.rule(self.text(group, name), f"/fewave@{name}", "must not be empty")
        split = self.path.parent.name
        self.rule(split not in SPLITS or group.attrs.get("split") == split, "/fewave@split", f"must be {split}")
        for name in ["layout", "seed", "split_trajectories"]:
            self.integer(group, name)
        for name, kind in [("strings", np.uint64), ("strings_sha256", np.uint8)]:
            stored = self.attribute(group, name)
            if stored is not None:
                sound = stored.dtype == kind and len(stored.shape) == 1
                self.rule(sound, f"/fewave@{name}", f"must be a list of {kind.__name__}")
        self.group("fewave/extra")
        for name in group["extra"].attrs if "extra" in group else []:
            self.text(group["extra"], name)
        for name in ["time", "x", "y"]:
            dataset = self.dataset(group, name)
            if dataset is not None:
                self.described(dataset)
                self.rule(dataset.dtype == np.float64, dataset.name, "must be f64")
                rounded = dataset[()].astype(np.float32)
                coarse = self.h5.get(f"dimensions/{name}")
                same = coarse is not None and np.array_equal(rounded, coarse[()])
                self.rule(same, dataset.name, f"must equal /dimensions/{name} to the rounding of f32")
        self.members = sorted(group)
        self.index = []
        for name in ["index", "source_end", "sha256", *(["energy"] if "energy" in group else [])]:
            dataset = self.dataset(group, name)
            if dataset is not None:
                self.described(dataset)
                self.finite(dataset)
                self.rule(dataset.shape[:1] == (self.trajectories,), dataset.name, "must have a value per trajectory")
                if name == "index":
                    self.index = list(dataset[()])
        if "sources" in group:
            sources = group["sources"]
            position, signal = (self.dataset(sources, name) for name in ["position", "signal"])
            if None not in (position, signal):
                count = position.shape[1] if len(position.shape) > 1 else 0
                self.rule(count > 0, sources.name, "must have a source")
                self.shape(position, [self.trajectories, count, 2])
                self.shape(signal, [self.trajectories, count, len(self.h5["dimensions/time"])])
                for dataset in (position, signal):
                    self.rule(dataset.dtype == np.float32, dataset.name, "must be f32")
                    self.described(dataset)
                    self.finite(dataset)
        if "receivers" in group:
            receivers = group["receivers"]
            position, time = (self.dataset(receivers, n) for n in ["position", "time"])
            units = {"displacement": "m", "velocity": "m/s", "gradient": "1"}
            recorded = [name for name in units if name in receivers]
            self.rule(recorded, receivers.name, f"must have one of {', '.join(units)}")
            if None not in (position, time):
                self.shape(position, [len(position), 2])
                for name in recorded:
                    signals = self.dataset(receivers, name)
                    axes = [2] if name == "gradient" else []
                    self.shape(signals, [self.trajectories, len(position), *axes, len(time)])
                    self.rule(signals.dtype == np.float32, signals.name, "must be f32")
                    self.rule(self.text(signals, "unit") == units[name], signals.name, f"must be in {units[name]}")
                for dataset in (position, time, *(receivers[name] for name in recorded)):
                    self.described(dataset)
                    self.finite(dataset)


def parse_statistics(path):
    """The two levels of stats.yaml, without a YAML library: `key:` and indented `"field": number`.

    Numbers must look as PyYAML (YAML 1.1) asks, with a point and a signed exponent, or it reads them as strings.
    """
    statistics, current = {}, None
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if not line.startswith(" "):
            current = statistics.setdefault(key.strip(), {})
        else:
            mantissa, _, exponent = value.strip().partition("e")
            if "." not in mantissa or (exponent and exponent[0] not in "+-"):
                raise ValueError(f"{value.strip()} is no number to PyYAML")
            current[key.strip().strip('"')] = float(value)
    return statistics


def moments(values):
    return {"mean": values.mean(), "std": values.std(), "rms": np.sqrt((values**2).mean())}


def check_statistics(root, files, violations):
    """Against numpy's own mean and standard deviation over the train split."""
    path = root / "stats.yaml"
    try:
        statistics = parse_statistics(path)
    except (OSError, ValueError, TypeError) as error:
        violations.append(f"{path}: {error}")
        return
    for key in set(STATISTICS) ^ set(statistics):
        violations.append(f"{path}: {key}: must be one of {STATISTICS}, all present")
    for field, time_varying in files[0].fields.items() if files else []:
        values = np.concatenate([np.asarray(file.h5["t0_fields"][field], dtype=np.float64) for file in files])
        everywhere = np.ones(values.shape, dtype=bool)
        if "inside" in files[0].fields and field != "inside":
            inside = np.concatenate([file.h5["t0_fields/inside"][()] for file in files]) != 0
            everywhere = np.broadcast_to(inside[:, None] if time_varying else inside, values.shape)
        expected = moments(values[everywhere])
        if time_varying:
            deltas = moments(np.diff(values, axis=1)[everywhere[:, 1:]])
            expected |= {f"{key}_delta": value for key, value in deltas.items()}
        for key, value in expected.items():
            found = statistics.get(key, {}).get(field)
            if found is None or not np.isclose(found, value, rtol=1e-9, atol=1e-9 * expected["rms"]):
                violations.append(f"{path}: {key}: {field}: {found}, not {value}")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root, violations, splits = pathlib.Path(sys.argv[1]), [], {}
    for split in SPLITS:
        paths = sorted((root / "data" / split).glob("*.hdf5"))
        if not (root / "data" / split).is_dir():
            violations.append(f"{root / 'data' / split}: must be a folder")
        elif split == "train" and not paths:
            violations.append(f"{root / 'data' / split}: must hold *.hdf5 files")
        splits[split] = []
        for path in paths:
            try:
                file = File(path, h5py.File(path, "r"), violations)
            except OSError as error:
                violations.append(f"{path}: {error}")
                continue
            file.check()
            splits[split].append(file)
        indices = [index for file in splits[split] for index in getattr(file, "index", [])]
        if sorted(indices) != list(range(len(indices))):
            violations.append(f"{root / 'data' / split}: indices {sorted(indices)} must count from 0 without gaps")
    files = [file for split in splits.values() for file in split]
    for what in ["name", "dimensions", "sizes", "times", "boundaries", "fields", "parameters", "members"]:
        if len({repr(getattr(file, what, None)) for file in files}) > 1:
            violations.append(f"{root}: all files must agree on {what}")
    if any(not file.sound for file in splits["train"]):
        print("the statistics were not checked: fields of the train split have wrong shapes")
    else:
        check_statistics(root, splits["train"], violations)
    for violation in violations:
        print(violation)
    print(f"{len(files)} files, {sum(file.trajectories or 0 for file in files)} trajectories, {len(violations)} violations")
    return 1 if violations or not files else 0


if __name__ == "__main__":
    sys.exit(main())
