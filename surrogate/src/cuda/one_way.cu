// The one-way layer behind its first 1x1 convolution (Boukraichi et al., arXiv:2304.04964): the filters along the last two axes
// and what follows them, in one pass; and the way back through the filters. The host's version is ops/one_way.rs.
//
// Maps m (images, inner, planes, height, width) are what the first 1x1 convolution made, in 3-D filtered along the first axis
// (`planes`; filters of different axes commute). With taps v (inner, VERTICAL), h (inner, HORIZONTAL), sums over k and l from
// -(side/2) to side/2, and values outside of a map 0:
//
//   n[i, y, x] = sum_k sum_l v[i, k] h[i, l] m[i, y + k, x + l]
//   one_way_layer     z[t] = b[t] + sum_i o[t, i] n[i]                factors: v, h, o (outputs, inner) in a row
//   one_way_filter    z[t] = b[t] + sum_r n[r outputs + t]            factors: v, h
//   one_way_backward  from e[i], the gradient of n[i] (layer: sum_t o[t, i] g[t], by cuBLAS; filter: g[i mod outputs]):
//     a[i, y, x]  = sum_k sum_l v[i, k] h[i, l] e[i, y - k, x - l]                       the gradient of m
//     n[i]        made again where `again` is 1, for the gradient of o (layer)
//     dv[i, k]    = sum_(y, x) (sum_l h[i, l] e[i, y, x - l]) m[i, y + k, x]             per tile, added up by the caller
//     dh[i, l]    = sum_(y, x) e[i, y, x] (sum_k v[i, k] m[i, y + k, x + l])             likewise
//   these in a row: a, n (`values` each), and (rows of v, then of h; tiles)
//
// A warp filters a tile of 8 x 32 points of one inner channel: a lane holds a column of it with the rows that reach in, filters
// it in registers, and hands the row's neighbours over in shared memory. In one_way_layer the 8 channels of a block's warps are
// then multiplied with OUTPUTS rows of o, 8 points and OUTPUTS/8 outputs a thread, in registers.
//
// Why this much is fused and no more. Per point and in values (f32: 4 bytes), S inputs, T outputs, R inner, 2-D, side d:
//
//                     memory, operation by operation    memory, as here      multiply-adds
//   layer, forward    S + 6 R + 3 T                     S + 2 R + T          R (S + T + 2 d)
//   layer, backward   2 S + 8 R + 4 d R + 3 T           2 S + 8 R + 3 T      2 R (S + T) + 6 d R
//
// (a block per tap, as in axis.cu, reads maps and gradients d times over; rows that reach into a tile come from the L2 cache).
// For S = T = 64, R = 32, d = 5 that is 448 to 192 and 1216 to 576 values. At 3.3 TB/s and 60 TFLOP/s (H100) the forward pass
// then takes 0.23 ns of memory and 0.15 ns of arithmetic a point; at 1 TB/s and 80 TFLOP/s (RTX 4090) memory decides alone. To
// fuse the first 1x1 convolution too would save 2 R of 192, and would make every inner map (20 x 36)/(16 x 32) = 1.4 times over
// in tiles twice as high; in 3-D several times over.
//
// Compiled with -DReal=float or double, -DVERTICAL and -DHORIZONTAL (odd, at most 15) and -DOUTPUTS=16, 32 or 64. 256 threads.
// Grids: one block a tile and OUTPUTS outputs (layer), 8 outputs (filter), 8 inner channels (backward), those counted first,
// then tiles by column, row, plane and image. Sums are in a fixed order: the same bits every time.

#define ROWS 8
#define COLUMNS 32
#define WARPS 8
#define TALL (ROWS + VERTICAL - 1)
// odd, so that the columns of rows lie in different banks
#define PITCH (COLUMNS + HORIZONTAL)
#define LONGER (VERTICAL > HORIZONTAL ? VERTICAL : HORIZONTAL)
// of a warp: rows with neighbours, or the lanes' sums of one filter's taps
#define ROOM (ROWS * PITCH > COLUMNS * LONGER ? ROWS * PITCH : COLUMNS * LONGER)

struct __align__(16) Four {
  Real v[4];
};

// Where a block works.
struct Tile {
  int part, row, column, plane, image;
  long long number;
};

__device__ __forceinline__ Tile tile_of(int parts, int planes, int height, int width) {
  Tile tile;
  int across = (width + COLUMNS - 1) / COLUMNS, down = (height + ROWS - 1) / ROWS;
  unsigned n = blockIdx.x;
  tile.part = n % parts;
  n /= parts;
  tile.number = n;
  tile.column = n % across * COLUMNS;
  n /= across;
  tile.row = n % down * ROWS;
  n /= down;
  tile.plane = n % planes;
  tile.image = n / planes;
  return tile;
}

// A column of a map, from VERTICAL/2 rows above the tile to as many below it; `height` 0 stands for no map.
__device__ __forceinline__ void load_column(Real *values, const Real *map, int row, int column, int height, int width) {
#pragma unroll
  for (int j = 0; j < TALL; j++) {
    int r = row + j - VERTICAL / 2;
    values[j] = r >= 0 && r < height && column >= 0 && column < width ? map[(long long)r * width + column] : (Real)0;
  }
}

template <int SIDE> __device__ __forceinline__ void load_taps(Real *taps, const Real *rows, int channel, bool present) {
#pragma unroll
  for (int k = 0; k < SIDE; k++) {
    taps[k] = present ? rows[(long long)channel * SIDE + k] : (Real)0;
  }
}

// A filtered column, into column `place` of the warp's rows; reversed taps for the adjoint.
__device__ __forceinline__ void filter_column(Real *rows, int place, const Real *values, const Real *taps, bool reversed) {
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    Real sum = 0;
#pragma unroll
    for (int k = 0; k < VERTICAL; k++) {
      sum += taps[reversed ? VERTICAL - 1 - k : k] * values[j + k];
    }
    rows[j * PITCH + place] = sum;
  }
}

// The place in a warp's rows of what a lane loads beside its own column: the columns that reach in from both sides.
__device__ __forceinline__ int beside(int lane) {
  return lane < HORIZONTAL / 2 ? lane : lane + COLUMNS;
}

// m filtered along columns, in the warp's rows, with the columns that reach in.
__device__ __forceinline__ void filter_columns(Real *rows, const Real *map, const Real *taps, Tile tile, int lane, int height, int width) {
  Real values[TALL];
  load_column(values, map, tile.row, tile.column + lane, height, width);
  filter_column(rows, lane + HORIZONTAL / 2, values, taps, false);
  if (lane < HORIZONTAL - 1) {
    int place = beside(lane);
    load_column(values, map, tile.row, tile.column + place - HORIZONTAL / 2, height, width);
    filter_column(rows, place, values, taps, false);
  }
}

__device__ __forceinline__ Real filter_row(const Real *row, const Real *taps, bool reversed) {
  Real sum = 0;
#pragma unroll
  for (int l = 0; l < HORIZONTAL; l++) {
    sum += taps[reversed ? HORIZONTAL - 1 - l : l] * row[l];
  }
  return sum;
}

extern "C" __global__ void __launch_bounds__(256, sizeof(Real) == 4 ? 2 : 1)
    one_way_layer(Real *z, const Real *m, const Real *factors, const Real *bias, int inner, int outputs, int planes, int height,
                  int width) {
  const int EACH = OUTPUTS / 8;
  __shared__ Real between[WARPS][ROWS * PITCH];
  __shared__ __align__(16) Real filtered[WARPS][ROWS * COLUMNS];
  __shared__ __align__(16) Real mixing[WARPS][OUTPUTS + 4];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  Tile tile = tile_of((outputs + OUTPUTS - 1) / OUTPUTS, planes, height, width);
  int first_output = tile.part * OUTPUTS;
  long long map = (long long)planes * height * width;
  const Real *maps = m + tile.image * (inner * map) + (long long)tile.plane * height * width;
  const Real *horizontal = factors + (long long)inner * VERTICAL;
  const Real *mix = horizontal + (long long)inner * HORIZONTAL;
  // outputs, then points, of this thread: 4 in one row, and 4 rows below them 4 more
  int own_output = (warp / 4 * 4 + lane / 8) * EACH, own_point = (warp % 4 * 8 + lane % 8) * 4;
  Real sums[EACH][8];
#pragma unroll
  for (int j = 0; j < EACH; j++) {
    int t = first_output + own_output + j;
#pragma unroll
    for (int p = 0; p < 8; p++) {
      sums[j][p] = t < outputs ? bias[t] : (Real)0;
    }
  }
  for (int first = 0; first < inner; first += WARPS) {
    int channel = first + warp;
    bool present = channel < inner;
    Real taps[LONGER];
    load_taps<VERTICAL>(taps, factors, channel, present);
    filter_columns(between[warp], maps + channel * map, taps, tile, lane, present ? height : 0, width);
    for (int n = threadIdx.x; n < WARPS * OUTPUTS; n += 32 * WARPS) {
      int i = first + n % WARPS, t = first_output + n / WARPS;
      mixing[n % WARPS][n / WARPS] = i < inner && t < outputs ? mix[(long long)t * inner + i] : (Real)0;
    }
    __syncwarp();
    load_taps<HORIZONTAL>(taps, horizontal, channel, present);
#pragma unroll
    for (int j = 0; j < ROWS; j++) {
      filtered[warp][j * COLUMNS + lane] = filter_row(between[warp] + j * PITCH + lane, taps, false);
    }
    __syncthreads();
#pragma unroll 2
    for (int i = 0; i < WARPS; i++) {
      Four upper = *(const Four *)&filtered[i][own_point];
      Four lower = *(const Four *)&filtered[i][own_point + 4 * COLUMNS];
#pragma unroll
      for (int j = 0; j < EACH; j++) {
        Real weight = mixing[i][own_output + j];
#pragma unroll
        for (int p = 0; p < 4; p++) {
          sums[j][p] += weight * upper.v[p];
          sums[j][4 + p] += weight * lower.v[p];
        }
      }
    }
    __syncthreads();
  }
  int column = tile.column + own_point % COLUMNS;
#pragma unroll
  for (int j = 0; j < EACH; j++) {
    int t = first_output + own_output + j;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int row = tile.row + own_point / COLUMNS + 4 * half;
      if (t < outputs && row < height) {
        Real *place = z + ((((long long)tile.image * outputs + t) * planes + tile.plane) * height + row) * width + column;
        if (width % 4 == 0 && column < width) {
          Four four;
#pragma unroll
          for (int p = 0; p < 4; p++) {
            four.v[p] = sums[j][4 * half + p];
          }
          *(Four *)place = four;
        } else {
#pragma unroll
          for (int p = 0; p < 4; p++) {
            if (column + p < width) {
              place[p] = sums[j][4 * half + p];
            }
          }
        }
      }
    }
  }
}

extern "C" __global__ void __launch_bounds__(256)
    one_way_filter(Real *z, const Real *m, const Real *factors, const Real *bias, int inner, int outputs, int planes, int height,
                   int width) {
  __shared__ Real between[WARPS][ROWS * PITCH];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  Tile tile = tile_of((outputs + WARPS - 1) / WARPS, planes, height, width);
  int t = tile.part * WARPS + warp;
  bool present = t < outputs;
  long long map = (long long)planes * height * width;
  const Real *maps = m + tile.image * (inner * map) + (long long)tile.plane * height * width;
  Real sums[ROWS];
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    sums[j] = present ? bias[t] : (Real)0;
  }
  for (int first = 0; first < inner; first += outputs) {
    int channel = first + t;
    Real taps[LONGER];
    load_taps<VERTICAL>(taps, factors, channel, present);
    filter_columns(between[warp], maps + channel * map, taps, tile, lane, present ? height : 0, width);
    __syncwarp();
    load_taps<HORIZONTAL>(taps, factors + (long long)inner * VERTICAL, channel, present);
#pragma unroll
    for (int j = 0; j < ROWS; j++) {
      sums[j] += filter_row(between[warp] + j * PITCH + lane, taps, false);
    }
    __syncwarp();
  }
  int column = tile.column + lane;
  Real *place = z + ((((long long)tile.image * outputs + t) * planes + tile.plane) * height + tile.row) * width + column;
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    if (present && tile.row + j < height && column < width) {
      place[(long long)j * width] = sums[j];
    }
  }
}

// The lanes' sums for the taps of one filter, added up in the order of lanes, to `s` (taps, tiles).
template <int SIDE>
__device__ __forceinline__ void add_up(Real *s, const Real *sums, Real *room, int lane, bool present, long long tiles, long long tile) {
  __syncwarp();
#pragma unroll
  for (int k = 0; k < SIDE; k++) {
    room[lane * SIDE + k] = sums[k];
  }
  __syncwarp();
  if (present && lane < SIDE) {
    Real sum = 0;
    for (int other = 0; other < 32; other++) {
      sum += room[other * SIDE + lane];
    }
    s[lane * tiles + tile] = sum;
  }
}

extern "C" __global__ void __launch_bounds__(256)
    one_way_backward(Real *all, const Real *m, const Real *e, const Real *factors, int inner, int gradients, int planes, int height,
                     int width, int again, long long values, long long tiles) {
  __shared__ Real room[WARPS][ROOM];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  Tile tile = tile_of((inner + WARPS - 1) / WARPS, planes, height, width);
  int channel = tile.part * WARPS + warp;
  bool present = channel < inner;
  int rows_there = present ? height : 0, column = tile.column + lane;
  Real *a = all, *n = again ? all + values : 0, *s = all + (again ? 2 : 1) * values;
  long long map = (long long)planes * height * width, plane = (long long)tile.plane * height * width;
  long long own = (tile.image * (long long)inner + channel) * map + plane;
  const Real *gradient = e + (tile.image * (long long)gradients + channel % gradients) * map + plane;
  Real *rows = room[warp];
  Real vertical[VERTICAL], horizontal[HORIZONTAL];
  load_taps<VERTICAL>(vertical, factors, channel, present);
  load_taps<HORIZONTAL>(horizontal, factors + (long long)inner * VERTICAL, channel, present);
  // this lane's column, and one of those that reach in
  int place = beside(lane), column_beside = lane < HORIZONTAL - 1 ? tile.column + place - HORIZONTAL / 2 : -1;
  Real maps[TALL], back[TALL], back_beside[TALL];
  load_column(maps, m + own, tile.row, column, rows_there, width);
  load_column(back, gradient, tile.row, column, rows_there, width);
  load_column(back_beside, gradient, tile.row, column_beside, rows_there, width);

  // rows of m filtered along columns: n, and the gradient of h
  filter_column(rows, lane + HORIZONTAL / 2, maps, vertical, false);
  if (lane < HORIZONTAL - 1) {
    Real values[TALL];
    load_column(values, m + own, tile.row, column_beside, rows_there, width);
    filter_column(rows, place, values, vertical, false);
  }
  __syncwarp();
  Real of_horizontal[HORIZONTAL] = {};
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    const Real *row = rows + j * PITCH + lane;
#pragma unroll
    for (int l = 0; l < HORIZONTAL; l++) {
      of_horizontal[l] += back[j + VERTICAL / 2] * row[l];
    }
    if (n && tile.row + j < rows_there && column < width) {
      n[own + (long long)(tile.row + j) * width + column] = filter_row(row, horizontal, false);
    }
  }
  add_up<HORIZONTAL>(s + ((long long)inner * VERTICAL + (long long)channel * HORIZONTAL) * tiles, of_horizontal, rows, lane, present,
                     tiles, tile.number);
  __syncwarp();

  // rows of e filtered back along columns: the gradient of m
  filter_column(rows, lane + HORIZONTAL / 2, back, vertical, true);
  if (lane < HORIZONTAL - 1) {
    filter_column(rows, place, back_beside, vertical, true);
  }
  __syncwarp();
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    if (tile.row + j < rows_there && column < width) {
      a[own + (long long)(tile.row + j) * width + column] = filter_row(rows + j * PITCH + lane, horizontal, true);
    }
  }
  __syncwarp();

  // rows of e filtered back along rows alone: the gradient of v
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    rows[j * PITCH + lane + HORIZONTAL / 2] = back[j + VERTICAL / 2];
    if (lane < HORIZONTAL - 1) {
      rows[j * PITCH + place] = back_beside[j + VERTICAL / 2];
    }
  }
  __syncwarp();
  Real of_vertical[VERTICAL] = {};
#pragma unroll
  for (int j = 0; j < ROWS; j++) {
    // outside of the map one of the factors is 0
    Real value = filter_row(rows + j * PITCH + lane, horizontal, true);
#pragma unroll
    for (int k = 0; k < VERTICAL; k++) {
      of_vertical[k] += value * maps[j + k];
    }
  }
  add_up<VERTICAL>(s + (long long)channel * VERTICAL * tiles, of_vertical, rows, lane, present, tiles, tile.number);
}
