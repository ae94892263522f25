// Programmatic dependent launch, from sm_90 on. A kernel takes part if its program says so,
//
//   extern "C" __device__ const int NAME_waits = 1;
//
// and is then launched while the one before it on the stream still runs: as soon as every block of
// that has called launch_dependents() or has ended. Every thread calls wait_for_prerequisites() on
// every way through the kernel: so one that has ended stands for all before it. Until then it
// writes nothing and loads nothing, constants neither, as the kernel before may be what changes
// them. It may reckon, and have fetch_ahead() bring to the L2 cache, which is coherent, what it will
// load: weights, and whatever else is likely to be read.
//
// Kernels for whole sequences only wait first of all and never call launch_dependents(): blocks that only
// wait would take room from the one before, and from kernels of other branches of a graph. What is
// saved is the launch, behind the last blocks of the one before.
//
// What such a kernel reads has no __restrict__: the compiler would be free to load it before the
// wait, and to load it through a cache for what no kernel that runs changes.

__device__ __forceinline__ void launch_dependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

__device__ __forceinline__ void wait_for_prerequisites() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// One thread has so many bytes brought to the L2 cache, in units of 16 from and to multiples of 16.
__device__ __forceinline__ void fetch_ahead(const void* from, unsigned bytes) {
#if __CUDA_ARCH__ >= 900
  unsigned long long begin = (unsigned long long)from & ~15ull;
  unsigned long long end = ((unsigned long long)from + bytes + 15) & ~15ull;
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(begin), "r"((unsigned)(end - begin))
               : "memory");
#endif
}
