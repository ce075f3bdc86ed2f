//! Waves on meshes of Gmsh: media by group, the domain's shape on the grid.
