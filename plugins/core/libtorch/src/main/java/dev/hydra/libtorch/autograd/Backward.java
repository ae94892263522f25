package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.LibTorchException;
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
    explained(loss::backward);
  }

  /** Runs the same from an output of any shape, with the gradient that arrives at it. */
  public static void run(Tensor output, Tensor gradient) {
    try (TensorVector outputs = new TensorVector(output);
        TensorVector gradients = new TensorVector(gradient)) {
      run(outputs, gradients);
    }
  }

  /** Runs backward from several outputs, each with the gradient that arrives at it. */
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
