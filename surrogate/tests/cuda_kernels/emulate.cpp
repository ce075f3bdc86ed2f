// Runs the very sources of the CUDA kernels on the processor: the threads of a block are threads of the system, which meet at
// __syncthreads(), those of a warp at __syncwarp(); blocks run one after another. Compiled by tests/cuda_kernels/emulated.rs with
// the options of NVRTC, -DSOURCE="<file>.cu" and -DKERNELS="KERNEL(name) ...".
#include <barrier>
#include <cmath>
#include <functional>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

struct Index {
  unsigned x;
};
static thread_local Index threadIdx, blockIdx;
static Index blockDim, gridDim;
static std::barrier<> *meeting;
static std::vector<std::unique_ptr<std::barrier<>>> warps;

#define __global__
#define __device__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static
#define __syncthreads() meeting->arrive_and_wait()
#define __syncwarp() warps[threadIdx.x / 32]->arrive_and_wait()

// as on a GPU, the functions of the type at hand
using std::exp;
using std::sqrt;

#include SOURCE

static void launch(unsigned blocks, unsigned threads, const std::function<void()> &kernel) {
  gridDim.x = blocks;
  blockDim.x = threads;
  for (unsigned block = 0; block < blocks; block++) {
    std::barrier<> all(threads);
    meeting = &all;
    warps.clear();
    for (unsigned first = 0; first < threads; first += 32) {
      warps.push_back(std::make_unique<std::barrier<>>(std::min(32u, threads - first)));
    }
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

// As the driver does: arguments are pointers to values of the kernel's types.
template <class... Types, size_t... Places>
static void start(void (*kernel)(Types...), unsigned blocks, unsigned threads, void **arguments, std::index_sequence<Places...>) {
  launch(blocks, threads, [=] { kernel(*static_cast<std::remove_cv_t<Types> *>(arguments[Places])...); });
}
template <class... Types> static void start(void (*kernel)(Types...), unsigned blocks, unsigned threads, void **arguments) {
  start(kernel, blocks, threads, arguments, std::index_sequence_for<Types...>());
}

#define KERNEL(name)                                                                            \
  extern "C" void run_##name(unsigned blocks, unsigned threads, void **arguments) { \
    start(name, blocks, threads, arguments);                                                    \
  }
KERNELS
