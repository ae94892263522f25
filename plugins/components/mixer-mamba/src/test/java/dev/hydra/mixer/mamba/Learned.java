package dev.hydra.mixer.mamba;

import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.StandaloneComponent;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Finds the parameters of a mixer by the names that it gives them. */
final class Learned {
  private Learned() {}

  static Parameter parameter(StandaloneComponent mixer, String name) {
    return mixer.parameters().all().stream()
        .filter(p -> p.name().equals("component." + name))
        .findAny()
        .orElseThrow();
  }

  /** The values in float64. */
  static Tensor master(StandaloneComponent mixer, String name) {
    return parameter(mixer, name).master().to(ScalarType.Double);
  }
}
