package dev.hydra.experiments;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tasks.Example;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How many answers a model gives right. An answer counts if each of its tokens is the likeliest
 * after what stands before it, which is the case exactly if greedy decoding gives that answer.
 *
 * @param accuracy the part of answers that are right
 * @param loss the mean negative log-likelihood of their tokens, in nats
 */
record Accuracy(double accuracy, double loss) {
  /**
   * Measures.
   *
   * @param full computes {@link #hidden} of so many examples as are computed at a time; fewer are
   *     computed directly
   * @param length what examples are filled up to
   * @param batchSize how many are computed at a time
   */
  static Accuracy of(
      Model model, UnaryOperator<Tensor> full, List<Example> examples, int length, int batchSize) {
    int right = 0;
    int answers = 0;
    double loss = 0;
    long tokens = 0;
    for (int from = 0; from < examples.size(); from += batchSize) {
      List<Example> some = examples.subList(from, Math.min(examples.size(), from + batchSize));
      ExampleBatch batch = new ExampleBatch(some, length);
      try (PointerScope scope = new PointerScope();
          Grad off = Grad.off()) {
        Tensor read = batch.tokens();
        Tensor hidden = some.size() == batchSize ? full.apply(read) : hidden(model, read);
        Device device = model.placement().device();
        Tensor asked =
            hidden.flatten(0, 1).index_select(0, batch.places().to(device, ScalarType.Long));
        Tensor logits = Tensors.upcast(model.logits(asked));
        Tensor targets = batch.targets().to(device, ScalarType.Long);
        long count = targets.size(0);
        loss += Tensors.number(torch.cross_entropy_loss(logits, targets)) * count;
        tokens += count;
        right +=
            batch.right(
                Tensors.integers(logits.argmax(new org.bytedeco.pytorch.LongOptional(-1), false)));
        answers += batch.answers();
      }
    }
    return new Accuracy((double) right / answers, loss / tokens);
  }

  /**
   * Computes hidden states without gradients.
   *
   * @param tokens int64 [examples, length], on any device
   * @return [examples, length, width]
   */
  static Tensor hidden(Model model, Tensor tokens) {
    try (Grad off = Grad.off();
        ForwardContext forward = ForwardContext.evaluation()) {
      return model.hidden(tokens.to(model.placement().device(), ScalarType.Long), forward);
    }
  }
}
