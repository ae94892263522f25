package dev.hydra.mixer.mamba;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Devices;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A mixer by itself, whose parameters are found by the names that it gives them. */
final class Learned {
  private Learned() {}

  /** Builds one in float32 on the CPU. */
  static StandaloneComponent mixer(ComponentFactory<Mixer> factory, String options, int width) {
    String type = factory.getClass().getAnnotation(HydraPlugin.class).value();
    return new StandaloneComponent(
        Components.of(factory),
        Role.MIXER,
        ConfigFactory.parseString("type = " + type + "\n" + options),
        width,
        width,
        new Placement(Devices.cpu(), ScalarType.Float),
        1);
  }

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
