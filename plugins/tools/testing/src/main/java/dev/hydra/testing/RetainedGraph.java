package dev.hydra.testing;

import static dev.hydra.testing.Samples.assertClose;

import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;

/** Runs backward more than once. */
public final class RetainedGraph {
  private RetainedGraph() {}

  /** Runs backward and keeps the graph for another time. */
  public static void backward(Tensor loss) {
    try (BoolOptional retain = new BoolOptional(true)) {
      loss.backward(new Tensor(), retain, false, new TensorArrayRefOptional());
    }
  }

  /** Fails unless a loss gives a leaf this gradient when it runs, and again when it runs again. */
  public static void assertGivesGradientsAgain(Tensor loss, Tensor leaf, Tensor gradient) {
    backward(loss);
    Tensor once = leaf.grad().clone();
    loss.backward();
    assertClose(gradient, once);
    assertClose(gradient.mul(new Scalar(2)), leaf.grad());
  }
}
