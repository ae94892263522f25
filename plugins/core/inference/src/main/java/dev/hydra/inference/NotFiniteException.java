package dev.hydra.inference;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** A model holds or computes NaN or infinity, and what follows from that is not an answer. */
public final class NotFiniteException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String problem;

  /**
   * Says what is wrong.
   *
   * @param remedy what can be done about it on the command line
   */
  private NotFiniteException(String problem, String remedy) {
    super(problem + "; " + remedy);
    this.problem = problem;
  }

  /** Returns what is wrong, without what the command line can do about it. */
  public String problem() {
    return problem;
  }

  private static NotFiniteException overflow(String found) {
    return new NotFiniteException(
        found + " though all weights are finite: a component computes what its type cannot hold",
        "try --precision fp32");
  }

  /**
   * Checks all parameters.
   *
   * @throws NotFiniteException naming the first that is not finite
   */
  public static void checkWeights(Model model) {
    try (Grad off = Grad.off()) {
      for (Parameter parameter : model.parameters().all()) {
        if (!finite(parameter.master())) {
          throw new NotFiniteException(
              "the weights " + parameter.name() + " hold NaN or infinity; the model cannot be used",
              "take another checkpoint");
        }
      }
    }
  }

  /** A sum needs no memory; where it is not finite, it may still have overflowed. */
  private static boolean finite(Tensor tensor) {
    try (PointerScope scope = new PointerScope()) {
      return Double.isFinite(Tensors.number(tensor.sum()))
          || !Tensors.any(tensor.isfinite().logical_not());
    }
  }

  /** Returns what to throw where logits that are computed on are not finite. */
  static NotFiniteException logits() {
    return overflow("logits came out as NaN or infinite");
  }

  /**
   * Checks what a model with finite weights has computed.
   *
   * @param what the name of the values, in the plural or not, such as {@code the loss}
   * @throws NotFiniteException if any value is not finite
   */
  public static void check(String what, double... values) {
    for (int i = 0; i < values.length; i++) {
      if (!Double.isFinite(values[i])) {
        throw overflow(
            what + (values.length == 1 ? "" : "[" + i + "]") + " came out as " + values[i]);
      }
    }
  }
}
