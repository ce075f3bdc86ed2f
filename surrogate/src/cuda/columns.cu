// The neighbours of every point of maps, as columns of a matrix (im2col), on one to three axes; and back.
//
// Maps x (maps, D, H, W), where `maps` counts images and channels; kernels of odd sides (a, b, c); values outside of a map are 0.
//
//   columns       u[m, (i, j, k), (d, h, w)] = x[m, d + i - a/2, h + j - b/2, w + k - c/2]
//   from_columns  x[m, d, h, w] = sum over (i, j, k) of u[m, (i, j, k), (d - i + a/2, h - j + b/2, w - k + c/2)], its adjoint
//
// With channels and taps as the rows of one matrix, a convolution is the product of the kernel (T, S a b c) and the columns
// (S a b c, D H W) of each image. Real is float or double, by the compiler's option -DReal=... One block of 256 threads a slice
// of SLICE points of a row of u (columns) or of a map (from_columns), slices counted first: a point is found by divisions of 32
// bits. Nothing is added by two threads: the same bits every time.

#define THREADS 256
#define SLICE 4096

extern "C" __global__ void columns(Real *u, const Real *x, int depth, int height, int width, int a, int b, int c, int slices) {
  int points = depth * height * width, start = (int)(blockIdx.x % slices) * SLICE;
  int end = points - start < SLICE ? points : start + SLICE;
  long long row = blockIdx.x / slices;
  int tap = (int)(row % (a * b * c));
  int i = tap / (b * c) - a / 2, j = tap / c % b - b / 2, k = tap % c - c / 2;
  const Real *map = x + row / (a * b * c) * points;
  for (int n = start + (int)threadIdx.x; n < end; n += THREADS) {
    int d = n / (height * width) + i, h = n / width % height + j, w = n % width + k;
    bool inside = d >= 0 && d < depth && h >= 0 && h < height && w >= 0 && w < width;
    u[row * points + n] = inside ? map[n + (i * height + j) * width + k] : (Real)0;
  }
}

extern "C" __global__ void from_columns(Real *x, const Real *u, int depth, int height, int width, int a, int b, int c, int slices) {
  int points = depth * height * width, start = (int)(blockIdx.x % slices) * SLICE;
  int end = points - start < SLICE ? points : start + SLICE;
  long long map = blockIdx.x / slices;
  for (int n = start + (int)threadIdx.x; n < end; n += THREADS) {
    int d = n / (height * width), h = n / width % height, w = n % width;
    const Real *row = u + map * (a * b * c) * points + n;
    Real sum = 0;
    for (int i = -(a / 2); i <= a / 2; i++) {
      for (int j = -(b / 2); j <= b / 2; j++) {
        for (int k = -(c / 2); k <= c / 2; k++) {
          if (d >= i && d - i < depth && h >= j && h - j < height && w >= k && w - k < width) {
            sum += row[-((i * height + j) * width + k)];
          }
          row += points;
        }
      }
    }
    x[map * points + n] = sum;
  }
}
