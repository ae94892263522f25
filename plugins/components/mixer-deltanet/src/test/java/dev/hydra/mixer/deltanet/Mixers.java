package dev.hydra.mixer.deltanet;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Devices;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Mixers for tests, in float64. */
final class Mixers {
  private Mixers() {}

  static StandaloneComponent create(String options, int width) {
    return new StandaloneComponent(
        Components.of(new GatedDeltaNetFactory()),
        Role.MIXER,
        ConfigFactory.parseString("type = gated-deltanet\n" + options),
        width,
        width,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }

  static Tensor parameter(StandaloneComponent mixer, String name) {
    return mixer.parameters().all().stream()
        .filter(p -> p.name().equals("component." + name))
        .findAny()
        .orElseThrow()
        .master()
        .to(ScalarType.Double);
  }
}
