package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.graphs.Aside;
import dev.hydra.libtorch.runtime.LibTorchException;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** Runs backward so that what fails in it can be understood. */
public final class Backward {
  private Backward() {}

  /**
   * Adds the gradients of a scalar to the leaves that it depends on, and frees its graph.
   *
   * @throws LibTorchException if LibTorch refuses, or a {@link CustomFunction} in the graph throws:
   *     then that exception is the cause
   */
  public static void run(Tensor loss) {
    whole(loss, loss::backward);
  }

  /** Runs the same from an output of any shape, with the gradient that arrives at it. */
  public static void run(Tensor output, Tensor gradient) {
    try (TensorVector outputs = new TensorVector(output);
        TensorVector gradients = new TensorVector(gradient)) {
      whole(output, () -> run(outputs, gradients));
    }
  }

  /** Runs backward, and lets what comes after it find all gradients. */
  private static void whole(Tensor output, Runnable backward) {
    Optional<Aside> aside = Aside.of(output);
    try {
      explained(backward);
    } catch (RuntimeException | Error e) {
      aside.ifPresent(each -> each.leave(e));
      throw e;
    }
    aside.ifPresent(Aside::join);
  }

  /**
   * Runs backward from several outputs, each with the gradient that arrives at it, within another
   * backward: at its end gradients of parameters may still be on their way.
   */
  static void run(TensorVector outputs, TensorVector gradients) {
    try (BoolOptional retain = new BoolOptional();
        TensorVector everyLeaf = new TensorVector()) {
      explained(() -> torch.backward(outputs, gradients, retain, false, everyLeaf));
    }
  }

  private static void explained(Runnable backward) {
    try {
      backward.run();
    } catch (RuntimeException e) {
      throw LiveCalls.failureBehind(e).orElseGet(() -> LibTorchException.of(e));
    }
  }
}
