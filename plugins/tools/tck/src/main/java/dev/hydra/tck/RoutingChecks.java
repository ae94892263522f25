package dev.hydra.tck;

import dev.hydra.api.Routing;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of a router's decision itself; the other checks see each expert's weight only. */
final class RoutingChecks {
  private RoutingChecks() {}

  static void routing(Subject subject) {
    subject.use(
        ScalarType.Float,
        component -> {
          try (ForwardContext forward = ForwardContext.evaluation();
              Grad off = Grad.off()) {
            Routing routing = component.route(subject.input(1, ScalarType.Float), forward);
            long[] shape = {subject.batch(), subject.time(), component.topK()};
            expect("experts", routing.experts(), shape, ScalarType.Long);
            expect("weights", routing.weights(), shape, ScalarType.Float);
            distinct(Tensors.integers(routing.experts()), component.topK(), subject.outputs());
          }
        });
  }

  private static void expect(String what, Tensor tensor, long[] shape, ScalarType type) {
    ContractViolation.unless(
        Arrays.equals(Tensors.sizes(tensor), shape) && Tensors.type(tensor) == type,
        what
            + " must be "
            + type
            + Arrays.toString(shape)
            + ", are "
            + Tensors.type(tensor)
            + Arrays.toString(Tensors.sizes(tensor)));
  }

  private static void distinct(long[] experts, int topK, int count) {
    for (int token = 0; token < experts.length; token += topK) {
      Set<Long> chosen = new HashSet<>();
      for (int i = token; i < token + topK; i++) {
        ContractViolation.unless(
            experts[i] >= 0 && experts[i] < count && chosen.add(experts[i]),
            "experts must be different and among "
                + count
                + ", are "
                + Arrays.toString(Arrays.copyOfRange(experts, token, token + topK)));
      }
    }
  }
}
