// Boxes of tensors, and bytes, that hardware copies between global and shared memory (TMA), and the barriers in shared
// memory by which threads learn of it. After tensor_cores.cu. From compute capability 9.0 on; for others
// nothing here may be called.

// What TensorMap.java makes; a kernel's parameter `const __grid_constant__ TensorMap`.
struct alignas(64) TensorMap {
  unsigned long long opaque[16];
};

__device__ __forceinline__ void barrier_init(SharedAddress barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

// What was initialised is there for copies, after the next barrier of the block for its threads, too.
__device__ __forceinline__ void barriers_publish() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// Arrives, and has the phase last until so many bytes have come.
__device__ __forceinline__ void barrier_expect(SharedAddress barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ __forceinline__ void barrier_arrive(SharedAddress barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// A warp arrives when all of its lanes have come.
__device__ __forceinline__ void warp_arrives(SharedAddress barrier, int lane) {
  __syncwarp();
  if (lane == 0) barrier_arrive(barrier);
}

// Waits until a phase is over, of which the first has parity 0; that before the first is over.
__device__ __forceinline__ void barrier_wait(SharedAddress barrier, int parity) {
  unsigned done;
  do {
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "selp.b32 %0, 1, 0, p;\n"
        "}"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
  } while (!done);
}

// A place in a ring of so many, and the parity of how often it was gone through.
template <int SIZE>
struct Turn {
  int stage = 0, phase = 0;

  __device__ __forceinline__ void next() {
    if (++stage == SIZE) {
      stage = 0;
      phase ^= 1;
    }
  }

  __device__ __forceinline__ Turn before() const {
    return stage == 0 ? Turn{SIZE - 1, phase ^ 1} : Turn{stage - 1, phase};
  }
};

// One thread has the box at column x, row y of matrix z brought; what is outside of the tensor is zeros, and counts.
__device__ __forceinline__ void bring(
    SharedAddress to, const TensorMap& map, SharedAddress barrier, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(x), "r"(y), "r"(z)
      : "memory");
}

// One thread has bytes brought, a multiple of 16 from and to multiples of it.
__device__ __forceinline__ void bring(SharedAddress to, const void* from, SharedAddress barrier, int bytes) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
      "l"(from), "r"(bytes), "r"(barrier)
      : "memory");
}

// One thread has a box written there, but for what is outside of the tensor.
__device__ __forceinline__ void put(const TensorMap& map, SharedAddress from, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.global.shared::cta.tile.bulk_group [%0, {%2, %3, %4}], [%1];\n"
      "cp.async.bulk.commit_group;" ::"l"(&map),
      "r"(from), "r"(x), "r"(y), "r"(z)
      : "memory");
}

// Waits until of all but the latest PENDING boxes that this thread put the shared memory has been read.
template <int PENDING>
__device__ __forceinline__ void put_wait() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(PENDING) : "memory");
}
