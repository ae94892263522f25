package dev.hydra.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Operations of forwards that can be counted by hand. */
class RecordedFlopsTest {
  private static final double UNSEEN = Double.POSITIVE_INFINITY;

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
    assertCounts(4 * 2 * 3 * 5 * 8, 0, () -> attention(tensor(1, 2, 5, 8)));
  }

  private static Tensor attention(Tensor keys) {
    return Operators.find("aten::_scaled_dot_product_flash_attention_for_cpu", "")
        .call(tensor(1, 2, 3, 8), keys, tensor(1, 2, 5, 8), 0.0, false, null, 1.0)[0];
  }

  @Test
  void convolution() {
    assertCounts(2 * 2 * 6 * 8 * 3, 0, () -> convolution(tensor(6, 1, 3)));
  }

  private static Tensor convolution(Tensor weight) {
    long[] one = {1};
    return torch.conv1d(tensor(2, 6, 10), weight, new TensorOptional(), one, "valid", one, 6);
  }

  @Test
  void equations() {
    assertCounts(
        3 * 3 * 4,
        0,
        () -> torch.linalg_solve_triangular(tensor(3, 3), tensor(3, 4), false, true, true));
  }

  @Test
  void othersByTheirElements() {
    assertCounts(0, 12, () -> tensor(3, 4).exp());
    assertCounts(0, 12, () -> tensor(3, 4).mul(tensor(4)));
    assertCounts(0, 12, () -> tensor(3, 4).sum(1));
    assertCounts(0, 24, () -> tensor(3, 4).exp().transpose(0, 1).neg());
    assertCounts(0, 0, () -> tensor(3, 4).select(0, 1).unsqueeze(0));
    assertCounts(0, 12, () -> torch.empty(3, 4).copy_(tensor(3, 4).exp()));
  }

  @Test
  void whatTheGraphDoesNotShow() {
    assertCounts(0, UNSEEN, () -> tensor(3, 4).detach());
    assertCounts(0, UNSEEN, () -> tensor(3, 5).addmm(tensor(3, 4).detach(), tensor(4, 5).detach()));
    assertCounts(0, UNSEEN, () -> convolution(tensor(6, 1, 3).detach()));
    assertCounts(0, UNSEEN, () -> attention(tensor(1, 2, 5, 8).detach()));
    assertCounts(0, UNSEEN, () -> torch.cdist(tensor(3, 4), tensor(5, 4)));
    assertCounts(0, UNSEEN, () -> withoutDerivative(tensor(3, 5), tensor(3, 4), tensor(4, 5)));
    assertCounts(0, UNSEEN, () -> torch.fft_fft(tensor(3, 4)));
    assertCounts(0, UNSEEN, () -> torch.linalg_inv(tensor(3, 3)));
    assertCounts(
        0, UNSEEN, () -> partly(y -> y.addmm_(tensor(3, 4).detach(), tensor(4, 5).detach())));
  }

  private static Tensor withoutDerivative(Tensor... operands) {
    IValue one = new IValue(new Scalar(1.0));
    return Operators.find("aten::_addmm_activation", "")
        .call(operands[0], operands[1], operands[2], one, one, true)[0];
  }

  private static Tensor partly(Consumer<Tensor> change) {
    Tensor y = tensor(2, 3, 5).exp();
    change.accept(y.select(0, 1));
    return y;
  }

  @Test
  void whatIsWrittenToAPart() {
    int before = 2 * 3 * 5;
    int product = 2 * before * 4; // as if to the whole
    assertCounts(0, before + 15, () -> partly(y -> y.add_(tensor(3, 5))));
    assertCounts(0, before + 15, () -> partly(y -> y.addcmul_(tensor(3, 5), tensor(5))));
    assertCounts(0, before + 5, () -> partly(y -> y.addcmul_(tensor(3, 5).detach(), tensor(5))));
    assertCounts(0, before + product, () -> partly(y -> y.addmm_(tensor(3, 4), tensor(4, 5))));
    assertCounts(
        0, before + product, () -> partly(y -> y.addmm_(tensor(3, 4).detach(), tensor(4, 5))));
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
