// The two steps of AdamW (Loshchilov and Hutter, arXiv:1711.05101) on flat arrays, in place; see train/optimiser.rs.
//
//   blend    m <- keep m + take g, or keep m + take g^2 where `square` is 1
//   descend  p <- keep p - size m / (root sqrt(v) + 1e-8)
//
// Real is float or double, by the compiler's option -DReal=... One thread a value, any grid.

extern "C" __global__ void blend(Real *m, const Real *g, Real keep, Real take, int square, long long count) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
    m[n] = keep * m[n] + take * (square ? g[n] * g[n] : g[n]);
  }
}

extern "C" __global__ void descend(Real *p, const Real *m, const Real *v, Real keep, Real size, Real root, long long count) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
    p[n] = keep * p[n] - size * m[n] / (root * sqrt(v[n]) + (Real)1e-8);
  }
}
