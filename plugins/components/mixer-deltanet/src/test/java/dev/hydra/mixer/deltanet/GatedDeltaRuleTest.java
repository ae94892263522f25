package dev.hydra.mixer.deltanet;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(InScope.class)
class GatedDeltaRuleTest {
  private static final int BATCH = 2;
  private static final int HEADS = 3;
  private static final int KEY_DIM = 5;
  private static final int VALUE_DIM = 4;

  @ParameterizedTest
  @CsvSource({
    // time, chunk, continued, packed: one chunk, whole chunks, a rest, one token a chunk, more
    // chunks than are computed at once
    "1, 8, false, false",
    "1, 8, true, false",
    "8, 8, true, false",
    "24, 8, false, true",
    "29, 8, true, false",
    "31, 7, false, true",
    "17, 64, false, false",
    "60, 1, true, false",
    "60, 1, false, true",
    "150, 64, false, true",
    "200, 32, true, false",
    "700, 2, true, false",
    "700, 2, false, true"
  })
  void agreesWithTheRecurrence(int time, int chunk, boolean continued, boolean packed) {
    agrees(input(time, continued, packed), chunk, packed);
    agrees(input(time, 2, continued, packed), chunk, packed);
  }

  private static void agrees(GatedDeltaRule.Input in, int chunk, boolean packed) {
    long time = in.v().size(1);
    List<Tensor> leaves = leaves(in);
    Tensor outward = normal(BATCH, time, HEADS, VALUE_DIM);
    // After packed documents there is no state to go on from.
    Tensor onward = Tensors.mul(normal(BATCH, HEADS, KEY_DIM, VALUE_DIM), packed ? 0.0 : 1.0);
    List<double[]> naive = results(NaiveDeltaRule.of(in), leaves, outward, onward);
    List<double[]> chunked = results(GatedDeltaRule.chunked(in, chunk), leaves, outward, onward);
    for (int i = packed ? 1 : 0; i < naive.size(); i++) {
      assertArrayEquals(naive.get(i), chunked.get(i), 1e-11, "result " + i);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void stepAgreesWithTheRecurrence(boolean continued) {
    GatedDeltaRule.Input in = input(1, 2, continued, false);
    List<Tensor> leaves = leaves(in);
    Tensor outward = normal(BATCH, 1, HEADS, VALUE_DIM);
    Tensor onward = normal(BATCH, HEADS, KEY_DIM, VALUE_DIM);
    // Without a state before it, nothing decays.
    leaves.remove(in.log());
    List<double[]> naive = results(NaiveDeltaRule.of(in), leaves, outward, onward);
    List<double[]> stepped = results(GatedDeltaRule.step(in, false), leaves, outward, onward);
    for (int i = 0; i < naive.size(); i++) {
      assertArrayEquals(naive.get(i), stepped.get(i), 1e-13, "result " + i);
    }
  }

  @Test
  void stepInPlaceLeavesTheStateWhereItWas() {
    try (Grad off = Grad.off()) {
      GatedDeltaRule.Input in = input(1, 2, true, false);
      GatedDeltaRule.Output expected = GatedDeltaRule.step(in, false);
      double[] state = Tensors.numbers(expected.state());
      GatedDeltaRule.Output out = GatedDeltaRule.step(in, true);
      assertArrayEquals(Tensors.numbers(expected.y()), Tensors.numbers(out.y()), 1e-13);
      assertArrayEquals(state, Tensors.numbers(in.initial().orElseThrow()), 1e-13);
      assertEquals(
          in.initial().orElseThrow().data_ptr().address(), out.state().data_ptr().address());
    }
  }

  /** The last state, the outputs, and the gradients of the leaves. */
  private static List<double[]> results(
      GatedDeltaRule.Output out, List<Tensor> leaves, Tensor outward, Tensor onward) {
    leaves.forEach(leaf -> leaf.mutable_grad().put(new Tensor()));
    Backward.run(out.y().mul(outward).sum().add(out.state().mul(onward).sum()));
    List<double[]> results = new ArrayList<>();
    results.add(Tensors.numbers(out.state()));
    results.add(Tensors.numbers(out.y()));
    leaves.forEach(leaf -> results.add(Tensors.numbers(leaf.grad())));
    return results;
  }

  /** The same key again and again, written with full strength: L is all ones below the diagonal. */
  @Test
  void equalKeysReplaceEachOther() {
    int time = 64;
    Tensor key = torch.ones(BATCH, time, HEADS, KEY_DIM).to(ScalarType.Float);
    Tensor k = Tensors.mul(key, 1 / Math.sqrt(KEY_DIM));
    Tensor v = normal(BATCH, time, HEADS, VALUE_DIM).to(ScalarType.Float);
    Tensor none = Tensors.zeros(v, BATCH, time, HEADS);
    GatedDeltaRule.Input in =
        new GatedDeltaRule.Input(
            k, k, v, none, Tensors.add(none, 100.0), 1, Optional.empty(), Optional.empty());
    for (int chunk : new int[] {1, 16, 64}) {
      Tensor y = GatedDeltaRule.chunked(in, chunk).y();
      assertArrayEquals(Tensors.numbers(v), Tensors.numbers(y), 1e-5);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16"})
  void staysFiniteAtTheExtremes(ScalarType type) {
    int time = 150;
    for (double log : new double[] {0, -1e-8, -1, -1e4, -1e30}) {
      for (double strength : new double[] {-1000, 0, 1000}) {
        Tensor q = filled(0.5, BATCH, time, HEADS, 4).to(type).set_requires_grad(true);
        Tensor v = filled(1, BATCH, time, HEADS, 4).to(type).set_requires_grad(true);
        Tensor logs = filled(log, BATCH, time, HEADS).set_requires_grad(true);
        Tensor strengths = filled(strength, BATCH, time, HEADS).set_requires_grad(true);
        GatedDeltaRule.Output out =
            GatedDeltaRule.chunked(
                new GatedDeltaRule.Input(
                    q, q, v, logs, strengths, 1, Optional.empty(), Optional.empty()),
                32);
        Backward.run(out.y().to(ScalarType.Double).sum());
        List<Tensor> all =
            List.of(out.y(), out.state(), q.grad(), v.grad(), logs.grad(), strengths.grad());
        for (Tensor tensor : all) {
          assertTrue(!Tensors.any(tensor.isfinite().logical_not()), log + " and " + strength);
        }
        // What is forgotten altogether cannot be forgotten any more.
        assertTrue(log > -1e3 || !Tensors.any(logs.grad().ne(new Scalar(0.0))), log + "");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"Float, 1e-5", "BFloat16, 0.03"})
  void gradientsAreNearInFewerBits(ScalarType type, double bound) {
    GatedDeltaRule.Input in = input(300, false, false);
    Tensor outward = normal(BATCH, 300, HEADS, VALUE_DIM);
    List<Tensor> exact = gradients(in, outward, tensor -> tensor.to(ScalarType.Double));
    List<Tensor> rough = gradients(in, outward, x -> x.to(x.dim() == 3 ? ScalarType.Float : type));
    for (int i = 0; i < exact.size(); i++) {
      Samples.assertNear("gradient " + i, exact.get(i), rough.get(i), bound);
    }
  }

  private static List<Tensor> gradients(
      GatedDeltaRule.Input in, Tensor outward, Function<Tensor, Tensor> cast) {
    List<Tensor> leaves =
        leaves(in).stream().map(t -> cast.apply(t.detach()).set_requires_grad(true)).toList();
    GatedDeltaRule.Input rough =
        new GatedDeltaRule.Input(
            leaves.get(0),
            leaves.get(1),
            leaves.get(2),
            leaves.get(3),
            leaves.get(4),
            1,
            Optional.empty(),
            Optional.empty());
    Backward.run(GatedDeltaRule.chunked(rough, 64).y().to(ScalarType.Double).mul(outward).sum());
    return leaves.stream().map(Tensor::grad).toList();
  }

  private static List<Tensor> leaves(GatedDeltaRule.Input in) {
    List<Tensor> leaves = new ArrayList<>(List.of(in.q(), in.k(), in.v(), in.log(), in.strength()));
    in.initial().ifPresent(leaves::add);
    return leaves;
  }

  private static GatedDeltaRule.Input input(int time, boolean continued, boolean packed) {
    return input(time, 1, continued, packed);
  }

  private static GatedDeltaRule.Input input(
      int time, double most, boolean continued, boolean packed) {
    Tensor k = normal(BATCH, time, HEADS, KEY_DIM);
    return new GatedDeltaRule.Input(
        normal(BATCH, time, HEADS, KEY_DIM).set_requires_grad(true),
        Tensors.mul(Tensors.rmsNorm(k, 1e-9), 1 / Math.sqrt(KEY_DIM)).set_requires_grad(true),
        normal(BATCH, time, HEADS, VALUE_DIM).set_requires_grad(true),
        Tensors.mul(normal(BATCH, time, HEADS).exp(), -0.1).set_requires_grad(true),
        normal(BATCH, time, HEADS).set_requires_grad(true),
        most,
        packed ? Optional.of(documents(time)) : Optional.empty(),
        continued
            ? Optional.of(normal(BATCH, HEADS, KEY_DIM, VALUE_DIM).set_requires_grad(true))
            : Optional.empty());
  }

  /** Documents that begin at random, other ones in each row. */
  private static Tensor documents(int time) {
    return Tensors.add(torch.rand(BATCH, time).gt(new Scalar(0.9)).cumsum(1), 3);
  }

  private static Tensor normal(long... sizes) {
    return torch.randn(sizes).to(ScalarType.Double);
  }

  private static Tensor filled(double value, long... sizes) {
    return torch.full(sizes, new Scalar((float) value));
  }
}
