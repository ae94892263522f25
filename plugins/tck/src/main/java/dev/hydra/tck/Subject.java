package dev.hydra.tck;

import com.typesafe.config.Config;
import dev.hydra.api.Role;
import dev.hydra.composer.Components;
import dev.hydra.composer.Parameter;
import dev.hydra.composer.Precision;
import dev.hydra.composer.StandaloneComponent;
import dev.hydra.libtorch.Devices;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What is checked: a component type with its options, and how to make one and input for it. */
record Subject(
    Components components, Role role, Config config, int width, int outputs, int batch, int time) {
  private static final long SEED = 20_250_815;

  /** Runs an action with a fresh component, in a scope. */
  void use(ScalarType type, Consumer<StandaloneComponent> action) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent component = build(type)) {
      action.accept(component);
    }
  }

  /**
   * A component away from its initialisation: what starts at zero would hide mistakes in what it is
   * multiplied by.
   */
  private StandaloneComponent build(ScalarType type) {
    StandaloneComponent component =
        new StandaloneComponent(
            components, role, config, width, outputs, new Precision(Devices.cpu(), type), SEED);
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      long seed = SEED;
      for (Parameter parameter : component.parameters().all()) {
        if (parameter.spec().trainable()) {
          Tensor noise = random(++seed, ScalarType.Double, parameter.spec().sizes());
          Tensor moved = parameter.master().to(ScalarType.Double).add(Tensors.mul(noise, 0.1));
          component.parameters().load(parameter.name(), moved);
        }
      }
    }
    return component;
  }

  /** Input [batch, time, width], the same for the same seed in every type. */
  Tensor input(long seed, ScalarType type) {
    return random(seed, type, batch, time, width);
  }

  /** Standard normal numbers. */
  static Tensor random(long seed, ScalarType type, long... sizes) {
    return Scopes.keep(
        () -> {
          Generator generator = torch.make_generator_cpu(seed);
          return torch
              .randn(sizes, new GeneratorOptional(generator), new TensorOptions(ScalarType.Double))
              .to(type);
        });
  }
}
