package dev.hydra.libtorch.graphs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.cuda.cudart.CUgraph_st;
import org.bytedeco.cuda.cudart.cudaMemsetParams;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Small memsets of captured graphs, which kernels write. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class MemsetNodesCudaTest {
  private static final Device DEVICE = new Device("cuda:0");
  private static final int DIRTY = 0xEE;

  private static final int AREA = 20_000;

  private final SideStream stream = new SideStream(DEVICE);
  private final SideStream other = new SideStream(DEVICE);
  private final GraphPool pool = new GraphPool(stream);
  private final Tensor bytes = torch.zeros(AREA).to(DEVICE, ScalarType.Byte);

  @AfterEach
  void giveBack() {
    torch_cuda.device_synchronize();
    pool.close();
    other.close();
    stream.close();
  }

  /** How many bytes each memset of a graph writes. */
  private static List<Long> memsets(GraphNodes graph) {
    List<Long> found = new ArrayList<>();
    int[] type = new int[1];
    try (GraphNodes parts = graph.copy();
        cudaMemsetParams memset = new cudaMemsetParams()) {
      parts.takeApart(
          node -> {
            CudaException.check("cudaGraphNodeGetType", cudart.cudaGraphNodeGetType(node, type));
            if (type[0] == cudart.cudaGraphNodeTypeMemset) {
              CudaException.check(
                  "cudaGraphMemsetNodeGetParams",
                  cudart.cudaGraphMemsetNodeGetParams(node, memset));
              found.add(memset.width() * memset.elementSize() * memset.height());
            }
          });
    }
    return found;
  }

  private static int nodes(GraphNodes graph) {
    int[] count = new int[1];
    try (GraphNodes parts = graph.copy()) {
      parts.takeApart(node -> count[0]++);
    }
    return count[0];
  }

  /** Captures work, after it has run as it is, without instantiating it. */
  private GraphNodes captured(Runnable work) {
    CUgraph_st graph = new CUgraph_st();
    return stream.call(
        () -> {
          work.run();
          pool.run(
              () -> {
                CudaException.check(
                    "cudaStreamBeginCapture",
                    cudart.cudaStreamBeginCapture(
                        stream.handle(), cudart.cudaStreamCaptureModeThreadLocal));
                work.run();
                CudaException.check(
                    "cudaStreamEndCapture", cudart.cudaStreamEndCapture(stream.handle(), graph));
              });
          return new GraphNodes(graph);
        });
  }

  /** Sets elements of 1, 2 or 4 bytes, from an offset in bytes on. */
  private void set(long offset, int element, int value, long count) {
    long at = Tensors.address(bytes) + offset;
    int result =
        switch (element) {
          case 1 -> cudart.cuMemsetD8Async(at, (byte) value, count, stream.handle());
          case 2 -> cudart.cuMemsetD16Async(at, (short) value, count, stream.handle());
          default -> cudart.cuMemsetD32Async(at, value, count, stream.handle());
        };
    assertEquals(cudart.CUDA_SUCCESS, result);
  }

  /** Writes nine times, between kernels that change all bytes: what comes too early is lost. */
  private void writing() {
    bytes.add_(new Scalar(1));
    set(4, 1, 0, 4);
    bytes.add_(new Scalar(3));
    set(0, 4, 0, 1);
    set(16, 1, 0x71, 16);
    bytes.add_(new Scalar(5));
    set(101, 1, 0x1F5, 7);
    set(200, 2, 0x7A1B2, 3);
    set(300, 4, 0xA1B2C3D4, 5);
    set(1000, 2, 0x0102, MemsetNodes.MOST_BYTES / 2);
    set(6000, 1, 9, MemsetNodes.MOST_BYTES + 1);
    bytes.add_(new Scalar(7));
    set(12_000, 4, -2, 1500);
    bytes.add_(new Scalar(11));
  }

  @Test
  void onlyLargeOnesStay() {
    try (GraphNodes captured = captured(this::writing)) {
      assertThat(memsets(captured))
          .containsExactlyInAnyOrder(4L, 4L, 16L, 7L, 6L, 20L, 4096L, 4097L, 6000L);
      try (GraphNodes changed = MemsetNodes.asKernels(captured, 0)) {
        assertNotNull(changed);
        assertThat(memsets(changed)).containsExactlyInAnyOrder(4097L, 6000L);
        assertEquals(nodes(captured), nodes(changed));
      }
      assertThat(memsets(captured)).as("what was captured").hasSize(9);
    }
  }

  @Test
  void aGraphWithoutSmallOnesIsTakenAsItIs() {
    Runnable large =
        () -> {
          bytes.add_(new Scalar(1));
          set(0, 1, 1, AREA);
        };
    try (GraphNodes captured = captured(large)) {
      assertThat(memsets(captured)).containsExactly((long) AREA);
      assertNull(MemsetNodes.asKernels(captured, 0));
    }
  }

  @Test
  void withPlainKernelsTheyStay() {
    try (GraphNodes captured = captured(this::writing);
        KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertNull(MemsetNodes.asKernels(captured, 0));
    }
  }

  /** What each of several replays leaves of dirty bytes. */
  private List<Tensor> replayed(KernelMode mode, Runnable work) {
    List<Tensor> left = new ArrayList<>();
    return stream.call(
        () -> {
          work.run();
          try (KernelMode.Setting kernels = mode.set();
              CudaGraph graph = CudaGraph.capture(stream, pool, work)) {
            for (int i = 0; i < 5; i++) {
              bytes.fill_(new Scalar((DIRTY + 17 * i) % 256));
              graph.replay();
              left.add(bytes.clone());
            }
            torch_cuda.device_synchronize();
          }
          return left;
        });
  }

  private static void assertSame(List<Tensor> found, List<Tensor> expected) {
    for (int i = 0; i < expected.size(); i++) {
      assertTrue(found.get(i).equal(expected.get(i)), "replay " + i);
    }
  }

  @ParameterizedTest
  @EnumSource(KernelMode.class)
  void theBytesAreThoseOfMemsets(KernelMode mode) {
    List<Tensor> expected = new ArrayList<>();
    stream.call(
        () -> {
          for (int i = 0; i < 5; i++) {
            bytes.fill_(new Scalar((DIRTY + 17 * i) % 256));
            writing();
            expected.add(bytes.clone());
          }
          torch_cuda.device_synchronize();
          return null;
        });
    assertThat(Tensors.integers(expected.get(0).narrow(0, 300, 4)))
        .as("0xA1B2C3D4 and 18 for each byte")
        .containsExactly(0xD4 + 18, 0xC3 + 18, 0xB2 + 18, 0xA1 + 18);
    assertSame(replayed(mode, this::writing), expected);
  }

  /** A memset that waits for two streams, and for which two wait; each part takes its time. */
  private void joined() {
    Tensor first = bytes.narrow(0, 0, 8);
    Tensor second = bytes.narrow(0, 8, 8);
    other.follow();
    other.run(
        () -> {
          for (int i = 0; i < 20; i++) {
            second.add_(new Scalar(3));
          }
          return null;
        });
    for (int i = 0; i < 20; i++) {
      first.add_(new Scalar(5));
    }
    other.lead();
    set(4, 1, 100, 8);
    other.follow();
    other.run(
        () -> {
          for (int i = 0; i < 20; i++) {
            second.add_(new Scalar(1));
          }
          return null;
        });
    for (int i = 0; i < 20; i++) {
      first.add_(new Scalar(2));
    }
    other.lead();
  }

  @Test
  void aMemsetKeepsAllOfItsEdges() {
    try (GraphNodes captured = captured(this::joined);
        GraphNodes changed = MemsetNodes.asKernels(captured, 0)) {
      assertNotNull(changed);
      assertThat(memsets(changed)).isEmpty();
    }
    List<Tensor> found = replayed(KernelMode.FUSED, this::joined);
    long[] bytes = Tensors.integers(found.get(0).narrow(0, 0, 17));
    assertThat(bytes)
        .containsExactly(
            (DIRTY + 140) % 256,
            (DIRTY + 140) % 256,
            (DIRTY + 140) % 256,
            (DIRTY + 140) % 256,
            140,
            140,
            140,
            140,
            120,
            120,
            120,
            120,
            (DIRTY + 80) % 256,
            (DIRTY + 80) % 256,
            (DIRTY + 80) % 256,
            (DIRTY + 80) % 256,
            DIRTY);
    assertSame(found, replayed(KernelMode.PLAIN, this::joined));
  }

  /** What the first of two kernels sees of the second, which is launched before its end. */
  @Test
  void kernelsThatOverlapStillDo() {
    Tensor numbers = torch.zeros(2).to(DEVICE, ScalarType.Int);
    Tensor met = numbers.narrow(0, 0, 1);
    Tensor seen = numbers.narrow(0, 1, 1);
    Kernels kernels =
        KernelSet.of(
                KernelSource.of(KernelSet.class, "dependent_launch.cu", "test_dependent_launch.cu"))
            .usable(numbers, Map.of("OVERLAP", 1))
            .orElseThrow();
    Runnable work =
        () -> {
          numbers.zero_();
          set(0, 1, 0, 4);
          kernels.get("early").launch(Grid.of(1, 1), met, seen);
          kernels.get("late").launch(Grid.of(1, 1), met);
          set(0, 1, 5, 4);
        };
    int overlaps = Gpu.of(numbers).major() >= 9 ? 1 : 0;
    for (KernelMode mode : List.of(KernelMode.PLAIN, KernelMode.FUSED)) {
      List<Tensor> left = replayed(mode, work);
      assertEquals(overlaps, Tensors.integers(seen)[0], mode.name());
      assertThat(Tensors.integers(left.get(4).narrow(0, 0, 4))).containsExactly(5, 5, 5, 5);
    }
  }

  /** What cuBLAS captures of products: whatever it sets before them, sums are the same. */
  @Test
  void productsHaveTheSameBits() {
    Tensor x = Samples.normal(4096, 2048).to(DEVICE, ScalarType.BFloat16);
    Tensor weight = Samples.normal(4096, 2048).to(DEVICE, ScalarType.BFloat16);
    Tensor result = torch.empty_like(x);
    Runnable work =
        () ->
            Scopes.run(
                () -> {
                  try (Grad off = Grad.off()) {
                    Tensor y = Tensors.linear(x, weight);
                    result.copy_(Tensors.linear(y, weight.t()));
                  }
                });
    Tensor expected =
        stream.call(
            () -> {
              work.run();
              return result.clone();
            });
    for (KernelMode mode : List.of(KernelMode.PLAIN, KernelMode.FUSED)) {
      stream.call(
          () -> {
            try (KernelMode.Setting kernels = mode.set();
                CudaGraph graph = CudaGraph.capture(stream, pool, work)) {
              for (int i = 0; i < 3; i++) {
                result.zero_();
                graph.replay();
                assertTrue(result.equal(expected), mode + ", replay " + i);
              }
            }
            return null;
          });
    }
  }

  @Test
  void handlesAreFreed() {
    Handles.assertFreesItself(
        5,
        () -> {
          try (PointerScope scope = new PointerScope()) {
            replayed(KernelMode.FUSED, this::writing);
          }
        });
  }
}
