// A plate of 1.0 m x 0.6 m with a round hole and a round inclusion, in curved quadrangles of 9 nodes.
// gmsh plate.geo -2 -format msh41 -o plate.msh
h = 0.18;                               // m, of a cell before it is cut into four
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

// the inclusion: centre (0.7, 0.3), radius 0.1, as a square and four blocks around it: a free mesh would put corners of
// 180 degrees onto the circle, and one bad cell sets the time step of all
r = 0.1 / Sqrt(2);
s = 0.6 * r;
Point(20) = {0.7, 0.3, 0};
Point(21) = {0.7 - r, 0.3 - r, 0};
Point(22) = {0.7 + r, 0.3 - r, 0};
Point(23) = {0.7 + r, 0.3 + r, 0};
Point(24) = {0.7 - r, 0.3 + r, 0};
Point(31) = {0.7 - s, 0.3 - s, 0};
Point(32) = {0.7 + s, 0.3 - s, 0};
Point(33) = {0.7 + s, 0.3 + s, 0};
Point(34) = {0.7 - s, 0.3 + s, 0};
For k In {0:3}
  n = (k + 1) % 4;
  Circle(21 + k) = {21 + k, 20, 21 + n};
  Line(31 + k) = {31 + k, 31 + n};
  Line(41 + k) = {31 + k, 21 + k};
EndFor
For k In {0:3}
  n = (k + 1) % 4;
  Curve Loop(11 + k) = {41 + k, 21 + k, -(41 + n), -(31 + k)};
  Plane Surface(11 + k) = {11 + k};
EndFor
Curve Loop(15) = {31, 32, 33, 34};
Plane Surface(15) = {15};
Transfinite Curve{21:24, 31:34} = 3;
Transfinite Curve{41:44} = 2;
Transfinite Surface{11:15};

Curve Loop(1) = {1, 2, 3, 4};
Curve Loop(2) = {11, 12};
Curve Loop(3) = {21, 22, 23, 24};
Plane Surface(1) = {1, 2, 3};           // plate and inclusion share the curves between them, and so the nodes

// [boundary] and [medium] go by these names; every boundary curve must be in one of them
Physical Curve("outer") = {1, 2, 3, 4};
Physical Curve("hole") = {11, 12};
Physical Surface("plate") = {1};
Physical Surface("inclusion") = {11:15};

Mesh.RecombineAll = 1;                  // quadrangles
Mesh.SubdivisionAlgorithm = 1;          // and no triangle left
Mesh.ElementOrder = 2;                  // curved sides
Mesh.SecondOrderIncomplete = 0;         // 9 nodes, not 8
