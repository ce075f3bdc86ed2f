// Group normalisation with the activation behind it (Wu and He, arXiv:1803.08494), and activations alone; network/norm.rs and
// network/activation.rs are the host's versions.
//
// Maps x (samples, channels, plane); a group is `together` channels of a sample, with n values, mean mu and variance sigma^2:
//
//   xh = (x - mu) / sqrt(sigma^2 + 1e-5),  y = act(gamma xh + beta)
//   backward, g = dy act'(gamma xh + beta):  dgamma = sum g xh,  dbeta = sum g,
//     dx = (gamma g - mean(gamma g) - xh mean(gamma g xh)) / sqrt(sigma^2 + 1e-5)
//
// A group may be far more than a block can hold, and a network has few: so groups are cut into slices of SLICE values, of which
// blocks make parts of sums, that one block per group then puts together. Per value (f32: 4 bytes) forward reads x twice and
// writes y, backward reads x and dy twice and writes dx: 3 and 5 passes over memory, where candle's operations make 15 and more.
//
//   norm_slices    block = slice of a group:    p = (mean, sum of squares about it) of the slice
//   norm_moments   block = group:               q = (mu, 1/sqrt(sigma^2 + 1e-5)), slices joined after Chan, Golub and LeVeque (1983)
//   norm_forward   block = slice of a plane:    y
//   norm_sums      block = slice of a plane:    s = (sum g xh, sum g)
//   norm_means     block = group:               r = (mean(gamma g xh), mean(gamma g))
//   norm_backward  block = slice of a plane:    dx
//   activate, activate_backward                 y = act(x), dx = dy act'(x); any grid
//
// Blocks have 256 threads. Compiled with -DReal=float or double, and -DACTIVATION: 0 GELU in its tanh form, 1 SiLU, 2 ReLU,
// 3 threshold (1 where x > 0, derivative 0), 4 none. A NaN stays one. The order of sums is fixed: the same bits every time.

#define THREADS 256
#define SLICE 4096

// The sum of the block's values, to all of its threads.
__device__ Real total(Real value) {
  __shared__ Real sums[THREADS];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    __syncthreads();
  }
  Real sum = sums[0];
  __syncthreads();
  return sum;
}

// 2 sqrt(2/pi), and the coefficient of the cubic term.
#define SLOPE ((Real)1.5957691216057307)
#define CUBIC ((Real)0.044715)

__device__ __forceinline__ Real gate(Real x) {
  Real argument = ACTIVATION == 0 ? SLOPE * (x + CUBIC * x * x * x) : x;
  return 1 / (1 + exp(-argument));
}

__device__ __forceinline__ Real act(Real x) {
  if (ACTIVATION < 2) {
    return x * gate(x);
  }
  if (ACTIVATION == 4) {
    return x;
  }
  // not 0 elsewhere: training must see a NaN
  return x > 0 ? (ACTIVATION == 2 ? x : (Real)1) : x * 0;
}

__device__ __forceinline__ Real act_derivative(Real x) {
  if (ACTIVATION < 2) {
    Real s = gate(x);
    Real inner = ACTIVATION == 0 ? SLOPE * (1 + 3 * CUBIC * x * x) : (Real)1;
    return s + x * s * (1 - s) * inner;
  }
  return ACTIVATION == 4 ? (Real)1 : ACTIVATION == 2 && x > 0 ? (Real)1 : (Real)0;
}

extern "C" __global__ void norm_slices(Real *p, const Real *x, long long group, int slices) {
  long long start = (long long)(blockIdx.x % slices) * SLICE;
  const Real *values = x + blockIdx.x / slices * group + start;
  int count = group - start < SLICE ? (int)(group - start) : SLICE;
  Real own[SLICE / THREADS];
  Real sum = 0;
#pragma unroll
  for (int k = 0; k < SLICE / THREADS; k++) {
    int n = k * THREADS + threadIdx.x;
    own[k] = n < count ? values[n] : (Real)0;
    sum += own[k];
  }
  Real mean = total(sum) / count;
  sum = 0;
#pragma unroll
  for (int k = 0; k < SLICE / THREADS; k++) {
    Real away = k * THREADS + threadIdx.x < count ? own[k] - mean : (Real)0;
    sum += away * away;
  }
  sum = total(sum);
  if (threadIdx.x == 0) {
    p[2 * (long long)blockIdx.x] = mean;
    p[2 * (long long)blockIdx.x + 1] = sum;
  }
}

extern "C" __global__ void norm_moments(Real *q, const Real *p, long long group, int slices) {
  const Real *parts = p + 2 * (long long)blockIdx.x * slices;
  Real sum = 0;
  for (int k = threadIdx.x; k < slices; k += THREADS) {
    long long left = group - (long long)k * SLICE;
    sum += parts[2 * k] * (left < SLICE ? left : SLICE);
  }
  Real mean = total(sum) / group;
  sum = 0;
  for (int k = threadIdx.x; k < slices; k += THREADS) {
    long long left = group - (long long)k * SLICE;
    Real away = parts[2 * k] - mean;
    sum += parts[2 * k + 1] + away * away * (left < SLICE ? left : SLICE);
  }
  sum = total(sum);
  if (threadIdx.x == 0) {
    q[2 * blockIdx.x] = mean;
    q[2 * blockIdx.x + 1] = 1 / sqrt(sum / group + (Real)1e-5);
  }
}

// A block's slice of a plane.
struct Piece {
  long long start;
  int count, channel, group;
};

__device__ __forceinline__ Piece piece_of(int channels, int together, int plane, int slices) {
  Piece piece;
  int map = blockIdx.x / slices, start = (int)(blockIdx.x % slices) * SLICE;
  piece.start = (long long)map * plane + start;
  piece.count = plane - start < SLICE ? plane - start : SLICE;
  piece.channel = map % channels;
  piece.group = map / together;
  return piece;
}

extern "C" __global__ void norm_forward(Real *y, const Real *x, const Real *q, const Real *gamma, const Real *beta, int channels,
                                        int together, int plane, int slices) {
  Piece piece = piece_of(channels, together, plane, slices);
  Real slope = gamma[piece.channel] * q[2 * piece.group + 1];
  Real offset = beta[piece.channel] - q[2 * piece.group] * slope;
  for (int n = threadIdx.x; n < piece.count; n += THREADS) {
    y[piece.start + n] = act(x[piece.start + n] * slope + offset);
  }
}

extern "C" __global__ void norm_sums(Real *s, const Real *x, const Real *dy, const Real *q, const Real *gamma, const Real *beta,
                                     int channels, int together, int plane, int slices) {
  Piece piece = piece_of(channels, together, plane, slices);
  Real mean = q[2 * piece.group], inverse = q[2 * piece.group + 1];
  Real slope = gamma[piece.channel] * inverse, offset = beta[piece.channel] - mean * slope;
  Real along = 0, plain = 0;
  for (int n = threadIdx.x; n < piece.count; n += THREADS) {
    Real value = x[piece.start + n];
    Real g = dy[piece.start + n] * act_derivative(value * slope + offset);
    along += g * (value - mean);
    plain += g;
  }
  along = total(along) * inverse;
  plain = total(plain);
  if (threadIdx.x == 0) {
    s[2 * (long long)blockIdx.x] = along;
    s[2 * (long long)blockIdx.x + 1] = plain;
  }
}

extern "C" __global__ void norm_means(Real *r, const Real *s, const Real *gamma, int channels, int together, int plane, int slices) {
  int first = blockIdx.x * together, parts = together * slices;
  Real along = 0, plain = 0;
  for (int k = threadIdx.x; k < parts; k += THREADS) {
    const Real *part = s + 2 * ((long long)first * slices + k);
    Real weight = gamma[(first + k / slices) % channels];
    along += weight * part[0];
    plain += weight * part[1];
  }
  along = total(along);
  plain = total(plain);
  if (threadIdx.x == 0) {
    Real count = (Real)together * plane;
    r[2 * blockIdx.x] = along / count;
    r[2 * blockIdx.x + 1] = plain / count;
  }
}

extern "C" __global__ void norm_backward(Real *dx, const Real *x, const Real *dy, const Real *q, const Real *r, const Real *gamma,
                                         const Real *beta, int channels, int together, int plane, int slices) {
  Piece piece = piece_of(channels, together, plane, slices);
  Real mean = q[2 * piece.group], inverse = q[2 * piece.group + 1];
  Real along = r[2 * piece.group], plain = r[2 * piece.group + 1], weight = gamma[piece.channel];
  Real slope = weight * inverse, offset = beta[piece.channel] - mean * slope;
  for (int n = threadIdx.x; n < piece.count; n += THREADS) {
    Real value = x[piece.start + n];
    Real g = dy[piece.start + n] * act_derivative(value * slope + offset);
    dx[piece.start + n] = (weight * g - plain - (value - mean) * inverse * along) * inverse;
  }
}

extern "C" __global__ void activate(Real *y, const Real *x, long long count) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
    y[n] = act(x[n]);
  }
}

extern "C" __global__ void activate_backward(Real *dx, const Real *x, const Real *dy, long long count) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
    dx[n] = dy[n] * act_derivative(x[n]);
  }
}
