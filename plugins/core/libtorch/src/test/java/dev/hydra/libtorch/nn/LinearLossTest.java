package dev.hydra.libtorch.nn;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Functions;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Its products and what they are multiplied by, against LibTorch's autograd in float64. */
@ExtendWith(InScope.class)
class LinearLossTest {
  private static final double SCALE = 0.5;
  private static final long CLASSES = 7;

  private final Tensor targets = Tensor.create(3L, LinearCrossEntropy.IGNORED, 0L, 6L, 3L);
  private final Tensor hidden = normal(5, 4);
  private final Tensor weight = normal(CLASSES, 4);

  /** The cross-entropy of logits by LibTorch's operators. */
  private static final class Losses implements LogitsLoss {
    @Override
    public Tensor room(Tensor rows, long classes) {
      return Tensors.empty(rows, Tensors.type(rows), rows.size(0), classes);
    }

    @Override
    public Tensor compute(Tensor logits, Tensor targets, Tensor factor, boolean gradient) {
      Tensor logs = Tensors.mul(logits, SCALE).log_softmax(-1);
      try (Scalar ignored = new Scalar(LinearCrossEntropy.IGNORED);
          Scalar zero = new Scalar(0L)) {
        Tensor out = targets.eq(ignored).unsqueeze(1);
        Tensor hit = targets.clamp_min(zero).unsqueeze(1);
        Tensor losses = Tensors.maskedFill(logs.gather(1, hit).neg(), out, 0).squeeze(1);
        if (gradient) {
          Tensor hot = torch.zeros_like(logits).scatter_(1, hit, new Scalar(1.0));
          Tensor each = Tensors.mul(logs.exp().sub(hot).mul(factor), SCALE);
          logits.copy_(Tensors.maskedFill(each, out, 0));
        }
        return losses;
      }
    }
  }

  @FunctionalInterface
  private interface Loss {
    Tensor of(Tensor hidden, Tensor weight);
  }

  private Loss plain() {
    return (h, w) -> LinearCrossEntropy.plain(h, w, SCALE, targets);
  }

  private Loss fused(Optional<Tensor> gradient) {
    return (h, w) -> LinearLoss.of(new Losses(), h, w, targets, gradient);
  }

  /** The loss and the gradients, from a backward that begins with this one. */
  private List<Tensor> results(Loss loss, UnaryOperator<Tensor> then, Tensor gradient) {
    Tensor h = Samples.leaf(hidden, Devices.cpu(), ScalarType.Double);
    Tensor w = Samples.leaf(weight, Devices.cpu(), ScalarType.Double);
    Tensor value = loss.of(h, w);
    Backward.run(then.apply(value), gradient);
    return new ArrayList<>(List.of(value.detach(), h.grad(), w.grad()));
  }

  private static Tensor scalar(double value) {
    return torch.scalar_tensor(new Scalar(value)).to(ScalarType.Double);
  }

  private void compare(Optional<Tensor> known, UnaryOperator<Tensor> then, Tensor gradient) {
    List<Tensor> expected = results(plain(), then, gradient);
    List<Tensor> found = results(fused(known), then, gradient);
    for (int i = 0; i < expected.size(); i++) {
      assertClose(expected.get(i), found.get(i));
    }
  }

  @Test
  void gradientsAreThoseOfAutograd() {
    compare(Optional.empty(), UnaryOperator.identity(), scalar(1));
    compare(Optional.empty(), UnaryOperator.identity(), scalar(0.3));
  }

  @Test
  void aGradientThatIsKnownCountsOnce() {
    Tensor share = scalar(0.3);
    compare(Optional.of(share), UnaryOperator.identity(), share);
    compare(Optional.of(share), loss -> loss.add(scalar(5)), share);
  }

  @Test
  void whatElseArrivesCounts() {
    Tensor share = scalar(0.3);
    compare(Optional.of(share), loss -> Tensors.mul(loss, 7), share);
    compare(Optional.of(share), UnaryOperator.identity(), scalar(0.4));
    compare(Optional.of(share), loss -> loss.add(loss), share);
  }

  /** Nothing is multiplied, where a sum with other losses is between, either. */
  @Test
  void theKnownGradientIsFoundByWhereItLies() {
    Tensor share = scalar(0.3);
    List<Boolean> missing = new ArrayList<>();
    Tensor leaf = scalar(2).set_requires_grad(true);
    for (double factor : new double[] {1, 1, 2}) {
      Tensor read =
          Functions.unary(
                  UnaryOperator.identity(),
                  gradients -> {
                    Tensor known = share.detach();
                    missing.add(
                        LinearLoss.missing(Optional.of(known), gradients.of(0)).isPresent());
                    gradients.give(0, gradients.of(0));
                  })
              .apply(leaf)[0];
      Tensor other = scalar(3).set_requires_grad(true);
      Backward.run(Tensors.scaled(read.add(other), factor), share);
    }
    assertThat(missing).containsExactly(false, false, true);
    assertThat(LinearLoss.missing(Optional.of(share), share.clone())).isPresent();
    Tensor two = torch.cat(new TensorVector(share.view(1), share.view(1)));
    assertThat(LinearLoss.missing(Optional.of(two.select(0, 0)), two.select(0, 1))).isPresent();
  }

  @Test
  void aKnownGradientThatChangesMeanwhileIsRefused() {
    Tensor share = scalar(0.3);
    Tensor loss = fused(Optional.of(share)).of(hidden.set_requires_grad(true), weight);
    share.fill_(new Scalar(1.0));
    assertThatThrownBy(() -> Backward.run(loss, share)).hasMessageContaining("changed in place");
  }

  /** The gradient of a table that is the embedding, too, against that of two readers apart. */
  @Test
  void aTableThatIsTheEmbeddingTooHasOneGradient() {
    Tensor tokens = Tensor.create(1L, 6L, 1L, 0L, 6L);
    UnaryOperator<Tensor> between = x -> x.sin().mul(hidden);
    Tensor expected = Samples.leaf(weight, Devices.cpu(), ScalarType.Double);
    Backward.run(
        plain()
            .of(
                between.apply(Embedding.plain(expected, tokens, 6, ScalarType.Double, 3)),
                expected));
    Tensor found = Samples.leaf(weight, Devices.cpu(), ScalarType.Double);
    Tensor shared = GradientSum.shared(found);
    Backward.run(
        fused(Optional.empty())
            .of(between.apply(Embedding.apart(shared, tokens, 6, ScalarType.Double, 3)), shared));
    assertClose(expected.grad(), found.grad());
    assertEquals(0, GradientSum.waiting());
  }
}
