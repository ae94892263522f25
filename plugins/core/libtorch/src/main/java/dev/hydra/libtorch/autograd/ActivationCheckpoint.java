package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Activation checkpointing (arXiv 1604.06174): forward saves the inputs only, backward recomputes
 * the part to get what its gradients need. Random numbers are replayed, so dropout drops the same.
 */
public final class ActivationCheckpoint extends CustomFunction {
  private final UnaryOperator<Tensor[]> part;
  private final int count;

  private ActivationCheckpoint(UnaryOperator<Tensor[]> part, int count) {
    this.part = part;
    this.count = count;
  }

  /**
   * Computes a part of a model under an activation checkpoint.
   *
   * @param part a function of its arguments and of parameters, which get their gradients too; it
   *     must compute the same when it is called again
   * @param inputs its arguments
   */
  public static Tensor[] run(UnaryOperator<Tensor[]> part, Tensor... inputs) {
    return Scopes.keepAll(
        () -> {
          // LibTorch must come back for the parameters' sake even if no input needs a gradient.
          Tensor anchor = torch.empty(0).set_requires_grad(true);
          Tensor[] anchored = Arrays.copyOf(inputs, inputs.length + 1);
          anchored[inputs.length] = anchor;
          return new ActivationCheckpoint(part, inputs.length).apply(anchored);
        });
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... anchored) {
    Tensor[] inputs = Arrays.copyOf(anchored, count);
    RandomState random = RandomState.save();
    context.save(inputs);
    context.save(random.cpu());
    random.cuda().ifPresent(context::save);
    return part.apply(inputs);
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] inputs = new Tensor[count];
    for (int i = 0; i < count; i++) {
      inputs[i] = context.saved(i).detach().set_requires_grad(context.needsGrad(i));
    }
    Tensor[] outputs = again(context, inputs);
    TensorVector reached = new TensorVector();
    TensorVector arrived = new TensorVector();
    for (int o = 0; o < outputs.length; o++) {
      if (gradients.arrived(o) && outputs[o].requires_grad()) {
        reached.push_back(outputs[o]);
        arrived.push_back(gradients.of(o));
      }
    }
    if (!reached.empty()) {
      Backward.run(reached, arrived);
    }
    for (int i = 0; i < count; i++) {
      if (inputs[i].grad().defined()) {
        gradients.give(i, inputs[i].grad());
      }
    }
  }

  /** Recomputes the part, recording, with the random numbers of the first time. */
  private Tensor[] again(Context context, Tensor[] inputs) {
    RandomState present = RandomState.save();
    Tensor cpu = context.saved(count);
    Optional<Tensor> cuda = present.cuda().map(state -> context.saved(count + 1));
    try (Grad on = Grad.on()) {
      new RandomState(cpu, cuda).restore();
      return Scopes.keepAll(() -> part.apply(inputs)); // temporaries live as long as the graph
    } finally {
      present.restore();
    }
  }
}
