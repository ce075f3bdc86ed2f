// Convolution of every channel of maps with its own taps along one axis, and the gradient of the taps.
//
// A map is read as (lines, length, after): the axis has `length` points, `after` values apart; `lines` counts what lies before
// it: image, channel, and the axes before. With taps w (channels, side), h = side/2 and values outside of a map 0:
//
//   axis_convolution          y[l, p, a] = sum_k w[c(l), k] x[l, p + k - h, a]
//   the same, reversed = 1    y[l, p, a] = sum_k w[c(l), side - 1 - k] x[l, p + k - h, a], the gradient of x from that of y
//   axis_taps_gradient        s[c, k] = sum over l of channel c, p and a of g[l, p, a] x[l, p + k - h, a]
//
// The channel of a line is (l / before) % channels. Real is float or double, by the compiler's option -DReal=...
//
// axis_convolution: one thread a value, any grid. axis_taps_gradient: one block of 256 threads a tap (channels * side blocks);
// each thread sums every 256th value, and the sums are added pairwise in shared memory: the same bits every time.

extern "C" __global__ void axis_convolution(Real *y, const Real *x, const Real *w, int channels, int before, int length, int after,
                                            int side, int reversed, long long count) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
    int p = (int)(n / after % length);
    int channel = (int)(n / after / length / before % channels);
    const Real *taps = w + (long long)channel * side;
    Real sum = 0;
    for (int k = 0; k < side; k++) {
      int q = p + k - side / 2;
      if (q >= 0 && q < length) {
        sum += taps[reversed ? side - 1 - k : k] * x[n + (long long)(q - p) * after];
      }
    }
    y[n] = sum;
  }
}

extern "C" __global__ void axis_taps_gradient(Real *s, const Real *g, const Real *x, int images, int channels, int before, int length,
                                              int after, int side) {
  __shared__ Real sums[256];
  int channel = blockIdx.x / side;
  int shift = (int)(blockIdx.x % side) - side / 2;
  long long map = (long long)before * length * after;
  Real sum = 0;
  for (long long n = threadIdx.x; n < images * map; n += 256) {
    long long place = (n / map * channels + channel) * map + n % map;
    int q = (int)(n / after % length) + shift;
    if (q >= 0 && q < length) {
      sum += g[place] * x[place + (long long)shift * after];
    }
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    s[blockIdx.x] = sums[0];
  }
}
