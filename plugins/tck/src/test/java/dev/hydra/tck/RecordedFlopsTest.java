package dev.hydra.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.CustomFunction;
import dev.hydra.libtorch.Operators;
import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Operations of forwards that can be counted by hand. */
class RecordedFlopsTest {
  private static Tensor tensor(long... sizes) {
    return Subject.random(1, ScalarType.Float, sizes).set_requires_grad(true);
  }

  private static void assertCounts(double products, double others, Supplier<Tensor> forward) {
    Scopes.run(() -> assertEquals(new RecordedFlops(products, others), RecordedFlops.of(forward)));
  }

  @Test
  void products() {
    assertCounts(2 * 3 * 4 * 5, 0, () -> tensor(3, 4).mm(tensor(4, 5)));
    assertCounts(2 * 3 * 4 * 5, 0, () -> tensor(3, 4).detach().mm(tensor(4, 5)));
    assertCounts(2 * 3 * 4 * 5, 0, () -> tensor(3, 4).mm(tensor(4, 5).detach()));
    assertCounts(2 * 7 * 3 * 4 * 5, 0, () -> tensor(7, 3, 4).bmm(tensor(7, 4, 5)));
    assertCounts(2 * 7 * 3 * 4 * 5, 0, () -> tensor(7, 3, 4).matmul(tensor(4, 5)));
    assertCounts(
        2 * 7 * 3 * 4 * 5, 0, () -> tensor(7, 3, 5).baddbmm(tensor(7, 3, 4), tensor(7, 4, 5)));
    assertCounts(2 * 3 * 4, 0, () -> tensor(3, 4).mv(tensor(4)));
  }

  @Test
  void linear() {
    Supplier<Tensor> biased =
        () -> torch.linear(tensor(2, 3, 4), tensor(5, 4), new TensorOptional(tensor(5)));
    assertCounts(2 * 6 * 4 * 5, 0, biased);
    assertCounts(2 * 6 * 4 * 5, 0, () -> Tensors.linear(tensor(2, 3, 4), tensor(5, 4)));
  }

  @Test
  void attentionOfEveryQueryToEveryKey() {
    Supplier<Tensor> attention =
        () ->
            Operators.find("aten::_scaled_dot_product_flash_attention_for_cpu", "")
                .call(
                    tensor(1, 2, 3, 8),
                    tensor(1, 2, 5, 8),
                    tensor(1, 2, 5, 8),
                    0.0,
                    false,
                    null,
                    1.0)[0];
    assertCounts(4 * 2 * 3 * 5 * 8, 0, attention);
  }

  @Test
  void convolution() {
    Supplier<Tensor> convolution =
        () ->
            torch.conv1d(
                tensor(2, 6, 10),
                tensor(6, 1, 3),
                new TensorOptional(),
                new long[] {1},
                "valid",
                new long[] {1},
                6);
    assertCounts(2 * 2 * 6 * 8 * 3, 0, convolution);
  }

  @Test
  void othersByTheirElements() {
    assertCounts(0, 12, () -> tensor(3, 4).exp());
    assertCounts(0, 12, () -> tensor(3, 4).mul(tensor(4)));
    assertCounts(0, 12, () -> tensor(3, 4).sum(1));
    assertCounts(0, 24, () -> tensor(3, 4).exp().transpose(0, 1).neg());
    assertCounts(0, 0, () -> tensor(3, 4).select(0, 1).unsqueeze(0));
    assertCounts(0, 0, () -> tensor(3, 4).detach());
  }

  @Test
  void whatIsUsedTwiceCountsOnce() {
    assertCounts(
        0,
        24,
        () -> {
          Tensor once = tensor(3, 4).exp();
          return once.add(once);
        });
  }

  @Test
  void whatCustomFunctionsCompute() {
    UnaryOperator<Tensor> function =
        x -> {
          Tensor y = torch.empty_like(x);
          y.select(0, 0).copy_(x.select(0, 0).exp());
          return y.mm(x.t());
        };
    CustomFunction custom =
        new CustomFunction() {
          @Override
          protected Tensor[] forward(Context context, Tensor... inputs) {
            return new Tensor[] {function.apply(inputs[0])};
          }

          @Override
          protected void backward(Context context, Gradients gradients) {
            throw new AssertionError("nobody asked for it");
          }
        };
    assertCounts(2 * 3 * 4 * 3, 4 + 4, () -> custom.apply(tensor(3, 4))[0]);
  }
}
