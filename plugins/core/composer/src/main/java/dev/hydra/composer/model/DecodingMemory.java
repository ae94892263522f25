package dev.hydra.composer.model;

import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Predicts the memory of decoding. */
public final class DecodingMemory {
  private DecodingMemory() {}

  /**
   * Returns the bytes of the state that a model keeps of one text, as its components declare it, or
   * in the compute type as many elements as they count of it; the meta device will do.
   *
   * @param compute the type that it computes in
   * @param tokens how many the text has, at least 1
   */
  public static double state(Model model, ScalarType compute, long tokens) {
    Placement placement =
        new Placement(model.placement().device(), compute, model.placement().recurrent());
    return model.slots().stream()
        .map(ComponentSlot::site)
        .mapToDouble(
            site ->
                site.state()
                    .map(declared -> bytes(declared, placement, tokens))
                    .orElseGet(() -> counted(site, compute, tokens)))
        .sum();
  }

  private static double bytes(List<StateSpec> declared, Placement placement, long tokens) {
    return declared.stream()
        .filter(StateSpec::required)
        .mapToDouble(
            spec ->
                spec.sizes(tokens).stream()
                        .mapToDouble(Long::doubleValue)
                        .reduce(1, (a, b) -> a * b)
                    * torch.elementSize(placement.of(spec.dtype())))
        .sum();
  }

  private static double counted(ComponentSite site, ScalarType compute, long tokens) {
    return site.cost(new Workload(1, tokens - 1)).state() * torch.elementSize(compute);
  }
}
