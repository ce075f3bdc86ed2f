// A plate of 1.0 m x 0.6 m with a round hole and a round inclusion, in curved quadrangles of 9 nodes.
// gmsh plate.geo -2 -format msh41 -o plate.msh
h = 0.12;                               // m, of a cell
Point(1) = {0, 0, 0, h};
Point(2) = {1, 0, 0, h};
Point(3) = {1, 0.6, 0, h};
Point(4) = {0, 0.6, 0, h};
Line(1) = {1, 2};
Line(2) = {2, 3};
Line(3) = {3, 4};
Line(4) = {4, 1};

// the hole: centre (0.35, 0.3), radius 0.08
Point(10) = {0.35, 0.3, 0};
Point(11) = {0.43, 0.3, 0, h};
Point(12) = {0.27, 0.3, 0, h};
Circle(11) = {11, 10, 12};
Circle(12) = {12, 10, 11};

// the inclusion: centre (0.7, 0.3), radius 0.1
Point(20) = {0.7, 0.3, 0};
Point(21) = {0.8, 0.3, 0, h};
Point(22) = {0.6, 0.3, 0, h};
Circle(21) = {21, 20, 22};
Circle(22) = {22, 20, 21};

Curve Loop(1) = {1, 2, 3, 4};
Curve Loop(2) = {11, 12};
Curve Loop(3) = {21, 22};
Plane Surface(1) = {1, 2, 3};           // both surfaces share the circle of the inclusion, and so its nodes
Plane Surface(2) = {3};

// [boundary] and [medium] go by these names; every boundary curve must be in one of them
Physical Curve("outer") = {1, 2, 3, 4};
Physical Curve("hole") = {11, 12};
Physical Surface("plate") = {1};
Physical Surface("inclusion") = {2};

Mesh.RecombineAll = 1;                  // quadrangles
Mesh.SubdivisionAlgorithm = 1;          // and no triangle left
Mesh.ElementOrder = 2;                  // curved sides
Mesh.SecondOrderIncomplete = 0;         // 9 nodes, not 8
