package dev.hydra.tck;

import dev.hydra.api.StateSpec;
import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.DeclaredState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of states of recurrences that are kept in fewer bits than they are computed in. */
final class RecurrentChecks {
  /** How many times the rounding of a single number outputs may be off by. */
  private static final double ROUNDINGS = 8;

  private RecurrentChecks() {}

  /** A text decodes nearly as it does with its states in float32, and they are in that type. */
  static void rounded(Subject subject, Device device) {
    Placement placement = new Placement(device, ScalarType.Float);
    subject.at(
        placement,
        component -> {
          if (isRecurrent(component)) {
            Tensor exact = decoded(subject, component, placement);
            rounded(subject, exact, device, ScalarType.Half, 0x1p-11);
            rounded(subject, exact, device, ScalarType.BFloat16, 0x1p-8);
          }
        });
  }

  private static boolean isRecurrent(StandaloneComponent component) {
    return component.state().stream()
        .flatMap(List::stream)
        .anyMatch(spec -> spec.dtype() == StateSpec.Dtype.RECURRENT);
  }

  private static void rounded(
      Subject subject, Tensor exact, Device device, ScalarType type, double rounding) {
    Placement placement = new Placement(device, ScalarType.Float, type);
    subject.at(
        placement,
        component -> {
          double off = Compare.relative(decoded(subject, component, placement), exact);
          double allowed = ROUNDINGS * rounding;
          ContractViolation.unless(
              off <= allowed,
              String.format(
                  "with its recurrent state in %s decoding is off by %.2e of its norm, and may be by"
                      + " %.2e",
                  type, off, allowed));
        });
  }

  /** The outputs of a text, of which half is read in three parts, and the rest by a batch. */
  private static Tensor decoded(
      Subject subject, StandaloneComponent component, Placement placement) {
    Tensor x =
        subject.input(1, ScalarType.Float).narrow(0, 0, 1).to(placement.device(), ScalarType.Float);
    long half = Math.max(3, subject.time() / 2);
    List<Tensor> outputs = new ArrayList<>();
    try (Grad off = Grad.off();
        BatchState batch = component.batch()) {
      ModelState state = new ModelState();
      for (long[] part : new long[][] {{0, 1}, {1, half - 1}, {half - 1, half}}) {
        try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
          outputs.add(component.forward(Tensors.slice(x, 1, part[0], part[1]), forward));
        }
      }
      checkDeclared(component, state, placement);
      batch.add(state);
      for (long at = half; at < x.size(1); at++) {
        try (ForwardContext forward = ForwardContext.evaluation().with(batch)) {
          outputs.add(component.forward(Tensors.slice(x, 1, at, at + 1), forward));
        }
      }
      try (ModelState last = batch.remove(0)) {
        checkDeclared(component, last, placement);
      }
    }
    return Tensors.cat(1, outputs.toArray(Tensor[]::new));
  }

  private static void checkDeclared(
      StandaloneComponent component, ModelState state, Placement placement) {
    DeclaredState.difference(
            component.state().orElseThrow(), component.kept(state), state.position(), placement)
        .ifPresent(
            difference -> {
              throw new ContractViolation(difference);
            });
  }
}
