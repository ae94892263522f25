package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The order of backward, by a function of LibTorch's operators. */
@ExtendWith(InScope.class)
class LinearInputTest {
  private final RandomInput random = new RandomInput();

  /** {@code x silu(z)}, which counts how often its output is computed again. */
  private static final class Gated extends RecomputedFunction {
    final AtomicInteger again = new AtomicInteger();

    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      context.save(inputs);
      return new Tensor[] {inputs[0].mul(torch.silu(inputs[1]))};
    }

    @Override
    Optional<Tensor> backward(
        Context context, Tensor arrived, Gradients gradients, boolean wanted) {
      Tensor x = context.saved(0);
      Tensor z = context.saved(1);
      Tensor dy = arrived.view(Tensors.sizes(x));
      gradients.give(0, dy.mul(torch.silu(z)));
      gradients.give(1, torch.silu_backward(dy.mul(x), z));
      if (!wanted) {
        return Optional.empty();
      }
      again.incrementAndGet();
      return Optional.of(x.mul(torch.silu(z)));
    }
  }

  private enum Types {
    FLOAT(ScalarType.Float),
    BFLOAT16(ScalarType.BFloat16);

    final ScalarType type;

    Types(ScalarType type) {
      this.type = type;
    }
  }

  /** Result and gradients of all leaves that have one. */
  private static Tensor[] run(Function<Tensor[], Tensor> operator, Tensor... values) {
    Tensor[] leaves = new Tensor[values.length];
    for (int i = 0; i < leaves.length; i++) {
      leaves[i] = Samples.leaf(values[i], new Device("cpu"), Tensors.type(values[i]));
    }
    Tensor y = operator.apply(leaves);
    torch.manual_seed(1);
    Backward.run(y, torch.randn(Tensors.sizes(y)).to(Tensors.type(y)));
    Tensor[] found = new Tensor[1 + leaves.length];
    found[0] = y.detach();
    for (int i = 0; i < leaves.length; i++) {
      found[1 + i] = leaves[i].grad();
    }
    return found;
  }

  private static void assertSameBits(Tensor[] expected, Tensor[] found) {
    assertEquals(expected.length, found.length);
    for (int i = 0; i < found.length; i++) {
      assertTrue(found[i].equal(expected[i]), "result " + i);
    }
  }

  private Tensor[] values(ScalarType type, long[]... sizes) {
    Tensor[] values = new Tensor[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      values[i] = random.values(sizes[i]).to(type);
    }
    return values;
  }

  @ParameterizedTest
  @EnumSource(Types.class)
  void aMapGivesTheSameBitsAsIfItKeptWhatItReads(Types types) {
    long[] x = {2, 5, 24};
    Tensor[] in = values(types.type, x, x, new long[] {7, 24}, new long[] {7});
    Gated gated = new Gated();
    Tensor[] found =
        run(t -> new Linear(t[2], Optional.of(t[3])).apply(LinearInput.of(gated, t[0], t[1])), in);
    assertEquals(1, gated.again.get());
    assertArrayEquals(new long[] {2, 5, 7}, Tensors.sizes(found[0]));
    assertSameBits(
        run(t -> Tensors.linear(new Gated().apply(t[0], t[1])[0], t[2], t[3]), in), found);
  }

  @ParameterizedTest
  @EnumSource(Types.class)
  void soDoesOneOfSeveralHeadsSideBySide(Types types) {
    long[] x = {2, 5, 3, 8};
    Tensor[] in = values(types.type, x, x, new long[] {7, 24});
    Tensor[] found = run(t -> LinearInput.of(new Gated(), t[0], t[1]).flattened().linear(t[2]), in);
    assertArrayEquals(new long[] {2, 5, 7}, Tensors.sizes(found[0]));
    assertSameBits(
        run(t -> Tensors.linear(new Gated().apply(t[0], t[1])[0].flatten(2, 3), t[2]), in), found);
    Tensor kept = LinearInput.of(in[0]).flattened().linear(in[2]);
    assertTrue(kept.equal(Tensors.linear(in[0].flatten(2, 3), in[2])));
  }

  @ParameterizedTest
  @EnumSource(Types.class)
  void soDoMapsOfGroups(Types types) {
    long[] rows = {21, 16};
    Tensor[] in = values(types.type, rows, rows, new long[] {4, 24, 16});
    Tensor ends = Tensor.create(new int[] {7, 7, 20, 21}, 4);
    Gated gated = new Gated();
    Tensor[] found =
        run(t -> GroupedLinear.apply(LinearInput.of(gated, t[0], t[1]), t[2], ends, 1), in);
    assertEquals(1, gated.again.get());
    assertSameBits(
        run(t -> GroupedLinear.apply(new Gated().apply(t[0], t[1])[0], t[2], ends), in), found);
  }

  /** Nothing is gained where the weights have no gradient, or nothing else has one. */
  @ParameterizedTest
  @CsvSource({
    // whether x, weights have a gradient, and whether it is recorded
    "true, false, true",
    "false, true, true",
    "true, true, false"
  })
  void isComputedOnceWhereNothingIsGained(boolean input, boolean weights, boolean recorded) {
    Gated gated = new Gated();
    Tensor x = random.values(5, 16).set_requires_grad(input);
    Tensor weight = random.values(8, 16).set_requires_grad(weights);
    LinearInput read = LinearInput.of(gated, x, random.values(5, 16));
    Tensor y;
    try (Grad grad = recorded ? Grad.on() : Grad.off()) {
      assertFalse(read.isRecomputed(weight));
      y = new Linear(weight, Optional.empty()).apply(read);
    }
    if (recorded) {
      Backward.run(y.sum());
    }
    assertEquals(0, gated.again.get());
    assertTrue(y.equal(Tensors.linear(read.tensor(), weight)));
  }

  /** A frozen bias, and one input of two: what nobody needs has no gradient. */
  @Test
  void givesGradientsToThoseThatNeedThem() {
    Tensor x = random.values(5, 16);
    Tensor z = random.values(5, 16).set_requires_grad(true);
    Tensor weight = random.values(8, 16).set_requires_grad(true);
    Tensor bias = random.values(8);
    Backward.run(
        new Linear(weight, Optional.of(bias)).apply(LinearInput.of(new Gated(), x, z)).sum());
    assertTrue(z.grad().defined() && weight.grad().defined());
    assertFalse(x.grad().defined() || bias.grad().defined());
  }
}
