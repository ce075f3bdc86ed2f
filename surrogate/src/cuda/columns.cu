// The neighbours of every point of maps, as columns of a matrix (im2col), on one to three axes; and back.
//
// Maps x (maps, D, H, W), where `maps` counts images and channels; kernels of odd sides (a, b, c); values outside of a map are 0.
//
//   columns       u[m, (i, j, k), (d, h, w)] = x[m, d + i - a/2, h + j - b/2, w + k - c/2]
//   from_columns  x[m, d, h, w] = sum over (i, j, k) of u[m, (i, j, k), (d - i + a/2, h - j + b/2, w - k + c/2)], its adjoint
//
// With channels and taps as the rows of one matrix, a convolution is the product of the kernel (T, S a b c) and the columns
// (S a b c, D H W) of each image. Real is float or double, by the compiler's option -DReal=... One thread a value of the
// result, any grid; nothing is added by two threads, so that bits do not depend on the order of threads.

extern "C" __global__ void columns(Real *u, const Real *x, int depth, int height, int width, int a, int b, int c, long long count) {
  long long step = (long long)gridDim.x * blockDim.x;
  long long points = (long long)depth * height * width;
  for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
    int w = (int)(n % width);
    int h = (int)(n / width % height);
    int d = (int)(n / width / height % depth);
    long long row = n / points;
    int tap = (int)(row % (a * b * c));
    d += tap / (b * c) - a / 2;
    h += tap / c % b - b / 2;
    w += tap % c - c / 2;
    bool inside = d >= 0 && d < depth && h >= 0 && h < height && w >= 0 && w < width;
    u[n] = inside ? x[row / (a * b * c) * points + ((long long)d * height + h) * width + w] : (Real)0;
  }
}

extern "C" __global__ void from_columns(Real *x, const Real *u, int depth, int height, int width, int a, int b, int c, long long count) {
  long long step = (long long)gridDim.x * blockDim.x;
  long long points = (long long)depth * height * width;
  for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
    int w = (int)(n % width);
    int h = (int)(n / width % height);
    int d = (int)(n / width / height % depth);
    const Real *rows = u + n / points * (a * b * c) * points;
    Real sum = 0;
    for (int tap = 0; tap < a * b * c; tap++) {
      int e = d - (tap / (b * c) - a / 2);
      int i = h - (tap / c % b - b / 2);
      int j = w - (tap % c - c / 2);
      if (e >= 0 && e < depth && i >= 0 && i < height && j >= 0 && j < width) {
        sum += rows[tap * points + ((long long)e * height + i) * width + j];
      }
    }
    x[n] = sum;
  }
}
