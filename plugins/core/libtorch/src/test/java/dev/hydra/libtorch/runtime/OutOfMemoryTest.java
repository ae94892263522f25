package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertLinesMatch;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The texts are LibTorch's and CUDA's. */
class OutOfMemoryTest {
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

  private static OutOfMemory read(String text) {
    return OutOfMemory.in(new IllegalStateException("m failed", new RuntimeException(text)))
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
    OutOfMemory refused = read(text);
    assertEquals("CUDA out of memory", refused.text());
    assertTrue(refused.available().isEmpty());
  }

  /** LibTorch's on Linux and on Windows, C++'s and JavaCPP's. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory:"
            + " you tried to allocate 3221225472 bytes. Error code 12 (Cannot allocate memory)",
        "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory: you tried"
            + " to allocate 3221225472 bytes.",
        "std::bad_alloc",
        "Cannot allocate new LongPointer(9): totalBytes = 8G, physicalBytes = 9G"
      })
  void knowsThatTheMachineHasNone(String text) {
    OutOfMemory refused = read(text);
    String needed = text.contains("you tried") ? ": 3.0 GiB more were needed; " : ": ";
    String size = "[\\d.]+ [KMGT]iB";
    assertLinesMatch(
        List.of(
            "out of memory"
                + needed
                + "this machine has "
                + size
                + ", "
                + size
                + " free, "
                + size
                + " used by this process"),
        List.of(refused.text()));
    assertTrue(refused.available().getAsDouble() <= refused.total().getAsDouble() * 1.01);
  }

  /** LibTorch itself, asked for more than a process can address. */
  @Test
  void knowsWhatLibTorchSays() {
    RuntimeException thrown =
        assertThrows(RuntimeException.class, () -> torch.empty(1L << 46).close());
    assertEquals(OptionalDouble.of(0x1p48), OutOfMemory.in(thrown).orElseThrow().needed());
  }

  @Test
  void knowsThatJavaHasNone() {
    OutOfMemory refused = read("the batch cannot be read: OutOfMemoryError: Java heap space");
    assertEquals(OutOfMemory.Kind.HEAP, refused.kind());
    assertTrue(refused.available().isEmpty(), "tensors do not lie there");
    assertTrue(refused.text().contains("its heap has "), refused.text());
  }

  @Test
  void isNothingElse() {
    assertEquals(
        Optional.empty(), OutOfMemory.in(new OutOfMemoryError("unable to create native thread")));
    assertEquals(Optional.empty(), OutOfMemory.in(new RuntimeException()));
  }
}
