package dev.hydra.inference;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A model holds or computes NaN or infinity, and what follows from that is not an answer. */
public final class NotFiniteException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private static final String ANOTHER = "take another checkpoint";

  private final String problem;
  private final String wider;

  /**
   * Says what is wrong.
   *
   * @param wider the options of wider types than those that are used, or nothing
   */
  private NotFiniteException(String problem, String wider) {
    super(problem + "; " + (wider.isEmpty() ? ANOTHER : "try " + wider));
    this.problem = problem;
    this.wider = wider;
  }

  /** Returns what is wrong, without what the command line can do about it. */
  public String problem() {
    return problem;
  }

  /**
   * Returns the options of the command line that choose wider types than the model was run with,
   * such as {@code --precision fp32}; nothing where there are none.
   */
  public String wider() {
    return wider;
  }

  private static NotFiniteException overflow(Placement placement, String found) {
    return new NotFiniteException(
        found
            + " though all weights are finite: a component computes or keeps what its type cannot"
            + " hold",
        wider(placement));
  }

  private static String wider(Placement placement) {
    List<String> options = new ArrayList<>();
    if (placement.recurrent() == ScalarType.Half) {
      options.add("--mamba-ssm-cache-dtype float32 (or bfloat16, whose range is as wide)");
    } else if (placement.recurrent() != placement.master()) {
      options.add("--mamba-ssm-cache-dtype float32");
    }
    if (placement.compute() != placement.master()) {
      options.add("--precision fp32");
    }
    return String.join(", then ", options);
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
              "");
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
  static NotFiniteException logits(Placement placement) {
    return overflow(placement, "logits came out as NaN or infinite");
  }

  /**
   * Checks what a model with finite weights has computed.
   *
   * @param placement the types that it computes in
   * @param what the name of the values, in the plural or not, such as {@code the loss}
   * @throws NotFiniteException if any value is not finite
   */
  public static void check(Placement placement, String what, double... values) {
    for (int i = 0; i < values.length; i++) {
      if (!Double.isFinite(values[i])) {
        throw overflow(
            placement,
            what + (values.length == 1 ? "" : "[" + i + "]") + " came out as " + values[i]);
      }
    }
  }
}
