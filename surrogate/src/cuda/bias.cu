// A bias for every channel of maps, in place: y[map, n] += b[map % channels], `map` counting images and channels.
//
// Real is float or double, by the compiler's option -DReal=... One block of 256 threads a slice of SLICE values of a map of
// `size` values, slices counted first.

#define THREADS 256
#define SLICE 4096

extern "C" __global__ void add_bias(Real *y, const Real *b, int channels, int size, int slices) {
  int start = (int)(blockIdx.x % slices) * SLICE, end = size - start < SLICE ? size : start + SLICE;
  long long map = blockIdx.x / slices;
  Real bias = b[map % channels];
  for (int n = start + (int)threadIdx.x; n < end; n += THREADS) {
    y[map * size + n] += bias;
  }
}
