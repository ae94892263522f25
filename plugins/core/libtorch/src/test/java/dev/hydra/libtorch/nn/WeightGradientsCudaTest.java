package dev.hydra.libtorch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.ActivationCheckpoint;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.graphs.Aside;
import dev.hydra.libtorch.graphs.CudaGraph;
import dev.hydra.libtorch.graphs.GraphPool;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/** Gradients of weights that are computed beside a backward, against those of one stream. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class WeightGradientsCudaTest {
  private static final Device DEVICE = new Device("cuda:0");
  private static final int BLOCKS = 6;
  private static final int WIDTH = 128;
  private static final int HIDDEN = 192;
  private static final long ROWS = 2048;
  private static final int SEEDS = 4;

  private final List<Tensor> leaves = new ArrayList<>();
  private final List<Block> blocks = Stream.generate(Block::new).limit(BLOCKS).toList();
  private final Linear common = map(WIDTH, WIDTH);
  private final Tensor x = rows(0);
  private final Tensor signals = torch.zeros(2).to(DEVICE, ScalarType.Int);
  private final Kernels kernels =
      KernelSet.of(
              KernelSource.of(KernelSet.class, "dependent_launch.cu", "test_dependent_launch.cu"))
          .usable(signals, Map.of("OVERLAP", 0))
          .orElseThrow();

  private static Tensor rows(int seed) {
    torch.manual_seed(seed);
    return Samples.normal(2, ROWS / 2, WIDTH).to(DEVICE, ScalarType.BFloat16);
  }

  private Linear map(long out, long in) {
    Tensor values = Tensors.mul(Samples.normal(out, in), 1 / Math.sqrt(in));
    leaves.add(Samples.leaf(values, DEVICE, ScalarType.BFloat16));
    return new Linear(leaves.get(leaves.size() - 1), Optional.empty());
  }

  /**
   * Maps of all kinds: of one input, alone, padded, of what is written again; one of all blocks.
   */
  private final class Block {
    final Linear gate = map(HIDDEN, WIDTH);
    final Linear up = map(HIDDEN, WIDTH);
    final Linear down = map(WIDTH, HIDDEN);
    final Linear alone = map(WIDTH, WIDTH);
    final Linear odd = map(WIDTH - 3, WIDTH);

    Tensor apply(Tensor in) {
      Tensor shared = GradientSum.of(in.tanh());
      Tensor gated = down.apply(GatedActivation.SILU.ofMaps(shared, gate, up, 1));
      Tensor more = alone.apply(common.apply(shared).tanh());
      Tensor padded = odd.applyAligned(more);
      return in.add(gated).add(more).add(padded);
    }
  }

  private Tensor loss(Tensor in, boolean checkpoints) {
    Tensor h = in.clone().set_requires_grad(true).alias();
    for (int i = 0; i < BLOCKS; i++) {
      Block block = blocks.get(i);
      h =
          checkpoints && i % 2 == 1
              ? ActivationCheckpoint.run(part -> new Tensor[] {block.apply(part[0])}, h)[0]
              : block.apply(h);
    }
    return h.to(ScalarType.Float).square().mean();
  }

  private void forget() {
    leaves.forEach(leaf -> leaf.mutable_grad().reset());
  }

  /** Backwards over one input after the other, whose gradients are added up. */
  private void step(boolean checkpoints, int count) {
    for (int i = 0; i < count; i++) {
      double scale = 1 + i;
      Scopes.run(() -> Backward.run(loss(Tensors.mul(x, scale), checkpoints)));
    }
  }

  /** The products begin when the rest of the backward has long been computed. */
  private void late(Aside aside) {
    signals.zero_();
    Tensor met = signals.narrow(0, 0, 1);
    aside.run(
        to -> kernels.get("early").launch(Grid.of(1, 1), met, to),
        signals.narrow(0, 1, 1),
        met,
        (target, result) -> {},
        met);
  }

  private List<Tensor> gradients() {
    return leaves.stream().map(leaf -> leaf.grad().clone()).toList();
  }

  private static void assertSame(List<Tensor> expected, List<Tensor> found, String when) {
    for (int i = 0; i < expected.size(); i++) {
      assertTrue(expected.get(i).equal(found.get(i)), when + ", weights " + i);
    }
  }

  private void compare(boolean checkpoints, int count) {
    List<List<Tensor>> expected = new ArrayList<>();
    for (int seed = 0; seed < SEEDS; seed++) {
      x.copy_(rows(seed));
      forget();
      step(checkpoints, count);
      expected.add(gradients());
    }
    assertFalse(Tensors.any(expected.get(0).get(0).isnan()));
    try (SideStream trunk = new SideStream(DEVICE);
        Aside aside = Aside.open(trunk, DEVICE).orElseThrow()) {
      Runnable work =
          () -> {
            late(aside);
            step(checkpoints, count);
          };
      trunk.call(
          () -> {
            forget();
            long before = Aside.count();
            work.run();
            // All of a block but the one of all blocks, and the one whose padding has a backward.
            assertThat(Aside.count() - before).isEqualTo(1 + 4L * count * BLOCKS);
            assertSame(expected.get(SEEDS - 1), gradients(), "issued");
            forget();
            replayed(trunk, work, expected);
            return true;
          });
    }
  }

  private void replayed(SideStream trunk, Runnable work, List<List<Tensor>> expected) {
    GraphPool pool = new GraphPool(trunk);
    try (CudaGraph graph = CudaGraph.capture(trunk, pool, work)) {
      List<Tensor> places = leaves.stream().map(leaf -> Scopes.own(leaf.grad())).toList();
      for (int seed = 0; seed < SEEDS; seed++) {
        x.copy_(rows(seed));
        graph.replay();
        assertSame(expected.get(seed), places, "replay " + seed);
      }
      places.forEach(Tensor::close);
    } finally {
      forget();
      pool.close();
    }
  }

  @Test
  void theBitsAreThoseOfOneStream() {
    compare(false, 1);
  }

  @Test
  void alsoWithCheckpoints() {
    compare(true, 1);
  }

  @Test
  void alsoWhereSeveralBackwardsAddUp() {
    compare(false, 3);
    compare(true, 2);
  }

  private long aside(Runnable backward) {
    long before = Aside.count();
    Scopes.run(backward);
    return Aside.count() - before;
  }

  /** Autograd adds up what several calls give, and what float32 buffers hold of other backwards. */
  @Test
  void whatIsInFloat32OrHasSeveralReadersIsNotWrittenLate() {
    Linear exact =
        new Linear(
            Samples.leaf(Samples.normal(WIDTH, WIDTH), DEVICE, ScalarType.Float), Optional.empty());
    try (SideStream trunk = new SideStream(DEVICE);
        Aside opened = Aside.open(trunk, DEVICE).orElseThrow()) {
      trunk.call(
          () -> {
            assertEquals(0, aside(() -> Backward.run(common.apply(common.apply(input())).sum())));
            assertEquals(
                0, aside(() -> Backward.run(exact.apply(input().to(ScalarType.Float)).sum())));
            assertEquals(1, aside(() -> Backward.run(common.apply(input()).sum())));
            return true;
          });
    }
  }

  private Tensor input() {
    return x.clone().set_requires_grad(true);
  }
}
