"""Meshes of the verification suite, by Gmsh: pip install gmsh, then python benches/peers/verify_meshes.py

Writes src/verify/meshes/: discs of radius 1 in curved 9-node quadrangles at five levels, and a plate of 1 m x 0.6 m with a
round hole and a round inclusion in straight triangles. The files are committed; this says how they were made."""

import pathlib

import gmsh

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "src" / "verify" / "meshes"


def start(size):
    gmsh.initialize()
    gmsh.option.setNumber("General.Verbosity", 1)
    gmsh.option.setNumber("Mesh.MshFileVersion", 4.1)
    gmsh.option.setNumber("Mesh.MeshSizeMin", size)
    gmsh.option.setNumber("Mesh.MeshSizeMax", size)


def finish(name):
    gmsh.write(str(FOLDER / name))
    gmsh.finalize()


def disc(level, size):
    start(size)
    surface = gmsh.model.occ.addDisk(0, 0, 0, 1, 1)
    gmsh.model.occ.synchronize()
    curves = [tag for _, tag in gmsh.model.getBoundary([(2, surface)], oriented=False)]
    gmsh.model.addPhysicalGroup(1, curves, name="rim")
    gmsh.model.addPhysicalGroup(2, [surface], name="membrane")
    gmsh.option.setNumber("Mesh.RecombineAll", 1)
    gmsh.option.setNumber("Mesh.Algorithm", 8)
    gmsh.option.setNumber("Mesh.ElementOrder", 2)
    gmsh.option.setNumber("Mesh.SecondOrderIncomplete", 0)
    gmsh.model.mesh.generate(2)
    finish(f"disc_{level}.msh")


def plate(size):
    start(size)
    occ = gmsh.model.occ
    whole = occ.addRectangle(0, 0, 0, 1.0, 0.6)
    hole = occ.addDisk(0.35, 0.3, 0, 0.08, 0.08)
    occ.cut([(2, whole)], [(2, hole)])
    inclusion = occ.addDisk(0.7, 0.3, 0, 0.1, 0.1)
    _, parts = occ.fragment([(2, whole)], [(2, inclusion)])
    occ.synchronize()
    inside = {tag for _, tag in parts[1]}
    outside = [tag for _, tag in parts[0] if tag not in inside]
    gmsh.model.addPhysicalGroup(2, outside, name="plate")
    gmsh.model.addPhysicalGroup(2, sorted(inside), name="inclusion")
    edges = gmsh.model.getBoundary([(2, tag) for tag in outside + sorted(inside)], combined=True, oriented=False)
    rims = {"outer": [], "hole": []}
    for _, tag in edges:
        x, y, _ = gmsh.model.occ.getCenterOfMass(1, tag)
        near = (x - 0.35) ** 2 + (y - 0.3) ** 2 < 0.1**2
        rims["hole" if near else "outer"].append(tag)
    for name, tags in rims.items():
        gmsh.model.addPhysicalGroup(1, tags, name=name)
    gmsh.model.mesh.generate(2)
    finish("plate.msh")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for level, size in enumerate([0.5, 0.35, 0.25, 0.175, 0.125]):
        disc(level, size)
    plate(0.03)
