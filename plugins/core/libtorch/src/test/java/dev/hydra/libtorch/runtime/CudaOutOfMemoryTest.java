package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The texts are LibTorch's and CUDA's. */
class CudaOutOfMemoryTest {
  private static final String REFUSED =
      "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 1 has a total capacity of 80.00 GiB of"
          + " which 512.00 MiB is free. %sOf the allocated memory 70.25 GiB is allocated by"
          + " PyTorch, with 64.00 MiB allocated in private pools (e.g., CUDA Graphs), and 1.50 GiB"
          + " is reserved by PyTorch but unallocated. If reserved but unallocated memory is large"
          + " try setting PYTORCH_ALLOC_CONF=expandable_segments:True\n"
          + "Exception raised from malloc at CUDACachingAllocator.cpp:1\n"
          + "frame #0: x";

  private static final String PROCESS =
      "Including non-PyTorch memory, this process has 72.00 GiB memory in use. ";

  private static CudaOutOfMemory read(String text) {
    return CudaOutOfMemory.in(new IllegalStateException("m failed", new RuntimeException(text)))
        .orElseThrow();
  }

  @Test
  void saysWhatWasNeededAndWhatThereIs() {
    assertEquals(
        "CUDA out of memory: 1.5 GiB more were needed; cuda:1 has 80.0 GiB, 512.0 MiB free, 72.0"
            + " GiB used by this process",
        read(REFUSED.formatted(PROCESS)).text());
  }

  @Test
  void whatOthersHaveIsNotThere() {
    assertEquals(
        OptionalDouble.of(72.5 * (1L << 30)), read(REFUSED.formatted(PROCESS)).available());
  }

  @Test
  void knowsWhatLibTorchHoldsWhereTheProcessIsNotSeen() {
    assertEquals(
        OptionalDouble.of(71.75 * (1L << 30)),
        read(REFUSED.formatted("Process 7 has 79.50 GiB memory in use. ")).used());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA driver error: out of memory",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cudaGraphLaunch failed: out of memory (cudaErrorMemoryAllocation)",
        "CUDA kernel ssd: it cannot be loaded: out of memory"
      })
  void knowsTextsWithoutFigures(String text) {
    CudaOutOfMemory refused = read(text);
    assertEquals("CUDA out of memory", refused.text());
    assertTrue(refused.available().isEmpty());
  }

  @Test
  void isNothingElse() {
    assertEquals(Optional.empty(), CudaOutOfMemory.in(new OutOfMemoryError("Java heap space")));
    assertEquals(Optional.empty(), CudaOutOfMemory.in(new RuntimeException()));
  }
}
