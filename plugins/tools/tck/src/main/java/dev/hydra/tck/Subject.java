package dev.hydra.tck;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What is checked: a component type with its options, and how to make one and input for it. */
record Subject(
    Components components,
    ComponentFactory<?> factory,
    Config config,
    int width,
    int outputs,
    int batch,
    int time) {
  private static final long SEED = 20_250_815;

  Role role() {
    return factory.role();
  }

  List<Option<?>> options() {
    return factory.options();
  }

  /** The same with another value of an option. */
  Subject with(String option, ConfigValue value) {
    return new Subject(
        components, factory, config.withValue(option, value), width, outputs, batch, time);
  }

  /** Runs an action with a fresh component on the CPU, in a scope. */
  void use(ScalarType type, Consumer<StandaloneComponent> action) {
    on(Devices.cpu(), type, action);
  }

  /** Runs an action with a fresh component on a device, in a scope. */
  void on(Device device, ScalarType type, Consumer<StandaloneComponent> action) {
    at(new Placement(device, type), action);
  }

  /** Runs an action with a fresh component of a placement, in a scope. */
  void at(Placement placement, Consumer<StandaloneComponent> action) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent component = build(placement)) {
      action.accept(component);
    }
  }

  /**
   * A component away from its initialisation: what starts at zero would hide mistakes in what it is
   * multiplied by.
   */
  private StandaloneComponent build(Placement precision) {
    StandaloneComponent component =
        new StandaloneComponent(components, role(), config, width, outputs, precision, SEED);
    move(component, SEED);
    return component;
  }

  /** Moves all trainable parameters a little. */
  void move(StandaloneComponent component, long seed) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      long next = seed;
      for (Parameter parameter : component.parameters().all()) {
        if (parameter.spec().trainable()) {
          Tensor noise = random(++next, ScalarType.Double, parameter.spec().sizes());
          Tensor value = parameter.master().to(Devices.cpu(), ScalarType.Double);
          component.parameters().load(parameter.name(), value.add(Tensors.mul(noise, 0.1)));
        }
      }
    }
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
