// Runs the very sources of the CUDA kernels on the processor: the threads of a block are threads of the system, which meet at
// __syncthreads(); blocks run one after another. Compiled with -DReal=float or double, -DSOURCE="<file>.cu", by
// tests/cuda_kernels.rs.
#include <barrier>
#include <cmath>
#include <functional>
#include <thread>
#include <vector>

struct Index {
  unsigned x;
};
static thread_local Index threadIdx, blockIdx;
static Index blockDim, gridDim;
static std::barrier<> *meeting;

#define __global__
#define __shared__ static
#define __syncthreads() meeting->arrive_and_wait()

// as on a GPU, the functions of the type at hand
using std::sqrt;

#include SOURCE

static void launch(unsigned blocks, unsigned threads, const std::function<void()> &kernel) {
  gridDim.x = blocks;
  blockDim.x = threads;
  for (unsigned block = 0; block < blocks; block++) {
    std::barrier<> all(threads);
    meeting = &all;
    std::vector<std::thread> running;
    for (unsigned thread = 0; thread < threads; thread++) {
      running.emplace_back([&, thread] {
        threadIdx.x = thread;
        blockIdx.x = block;
        kernel();
      });
    }
    for (auto &one : running) one.join();
  }
}

#ifdef AXIS
extern "C" void run_axis_convolution(unsigned blocks, unsigned threads, Real *y, const Real *x, const Real *w, int channels, int before,
                                     int length, int after, int side, int reversed, long long count) {
  launch(blocks, threads, [=] { axis_convolution(y, x, w, channels, before, length, after, side, reversed, count); });
}
extern "C" void run_axis_taps_gradient(unsigned blocks, unsigned threads, Real *s, const Real *g, const Real *x, int images, int channels,
                                       int before, int length, int after, int side) {
  launch(blocks, threads, [=] { axis_taps_gradient(s, g, x, images, channels, before, length, after, side); });
}
#endif
#ifdef COLUMNS
extern "C" void run_columns(unsigned blocks, unsigned threads, Real *u, const Real *x, int depth, int height, int width, int a, int b, int c,
                            long long count) {
  launch(blocks, threads, [=] { columns(u, x, depth, height, width, a, b, c, count); });
}
extern "C" void run_from_columns(unsigned blocks, unsigned threads, Real *x, const Real *u, int depth, int height, int width, int a, int b,
                                 int c, long long count) {
  launch(blocks, threads, [=] { from_columns(x, u, depth, height, width, a, b, c, count); });
}
#endif
#ifdef ADAMW
extern "C" void run_blend(unsigned blocks, unsigned threads, Real *m, const Real *g, Real keep, Real take, int square, long long count) {
  launch(blocks, threads, [=] { blend(m, g, keep, take, square, count); });
}
extern "C" void run_descend(unsigned blocks, unsigned threads, Real *p, const Real *m, const Real *v, Real keep, Real size, Real root,
                            long long count) {
  launch(blocks, threads, [=] { descend(p, m, v, keep, size, root, count); });
}
#endif
