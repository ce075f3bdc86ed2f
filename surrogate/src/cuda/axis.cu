// Convolution of every channel of maps with its own taps along one axis, and the gradient of the taps.
//
// A map of an image and a channel is read as (before, length, after): the axis has `length` points, `after` values apart. With
// taps w (channels, side), h = side/2 and values outside of a map 0:
//
//   axis_convolution          y[l, p, a] = sum_k w[c, k] x[l, p + k - h, a]
//   the same, reversed = 1    y[l, p, a] = sum_k w[c, side - 1 - k] x[l, p + k - h, a], the gradient of x from that of y
//   axis_taps_gradient        s[c, k] = sum over images, l, p and a of g[l, p, a] x[l, p + k - h, a]
//
// Real is float or double, by the compiler's option -DReal=... One block of 256 threads a slice of SLICE values of a map, slices
// counted first, then channels, then images: a place is found by two divisions of 32 bits. axis_taps_gradient writes parts of
// the sums (channel, tap; image, slice), added pairwise in shared memory, for the caller to add up: the same bits every time.

#define THREADS 256
#define SLICE 4096

extern "C" __global__ void axis_convolution(Real *y, const Real *x, const Real *w, int channels, int map, int length, int after, int side,
                                            int reversed, int slices) {
  int start = (int)(blockIdx.x % slices) * SLICE, end = map - start < SLICE ? map : start + SLICE;
  long long base = (long long)(blockIdx.x / slices) * map;
  const Real *taps = w + (long long)(blockIdx.x / slices % channels) * side;
  for (int n = start + (int)threadIdx.x; n < end; n += THREADS) {
    int p = n / after % length;
    Real sum = 0;
    for (int k = 0; k < side; k++) {
      int shift = k - side / 2;
      if (p + shift >= 0 && p + shift < length) {
        sum += taps[reversed ? side - 1 - k : k] * x[base + n + (long long)shift * after];
      }
    }
    y[base + n] = sum;
  }
}

extern "C" __global__ void axis_taps_gradient(Real *s, const Real *g, const Real *x, int images, int channels, int map, int length,
                                              int after, int side, int slices) {
  __shared__ Real sums[THREADS];
  int start = (int)(blockIdx.x % slices) * SLICE, end = map - start < SLICE ? map : start + SLICE;
  long long base = (long long)(blockIdx.x / slices) * map;
  int channel = blockIdx.x / slices % channels;
  long long parts = (long long)images * slices, part = (long long)(blockIdx.x / slices / channels) * slices + blockIdx.x % slices;
  for (int k = 0; k < side; k++) {
    int shift = k - side / 2;
    Real sum = 0;
    for (int n = start + (int)threadIdx.x; n < end; n += THREADS) {
      int q = n / after % length + shift;
      if (q >= 0 && q < length) {
        sum += g[base + n] * x[base + n + (long long)shift * after];
      }
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) {
        sums[threadIdx.x] += sums[threadIdx.x + half];
      }
      __syncthreads();
    }
    if (threadIdx.x == 0) {
      s[((long long)channel * side + k) * parts + part] = sums[0];
    }
    __syncthreads();
  }
}
