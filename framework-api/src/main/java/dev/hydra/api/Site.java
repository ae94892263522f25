package dev.hydra.api;

import org.bytedeco.pytorch.Tensor;
import org.osgi.annotation.versioning.ProviderType;

/**
 * One place in a model, as the component there sees it: its options, dimensions, parameters and
 * children. The core owns all parameters; a component borrows them, so it can be replaced while
 * they live on.
 */
@ProviderType
public interface Site {
  /**
   * Returns the name of the place, such as {@code blocks.3.mixer}; parameters are named below it.
   */
  String path();

  /** Returns the width of the hidden states that come in. */
  int width();

  /**
   * Returns the width of what goes out: {@link #width()} for layers, the number of experts for
   * routers.
   */
  int outputs();

  /** Returns the number of blocks in the model, for initialisations that shrink with depth. */
  int depth();

  /** Returns the options of this component, checked against {@link ComponentFactory#options()}. */
  Settings settings();

  /** Returns the value of an option: shorthand for {@code settings().get(option)}. */
  default <T> T get(Option<T> option) {
    return settings().get(option);
  }

  /**
   * Borrows a parameter, made and initialised at the first call. It lives as long as the model, and
   * its identity never changes, so a component keeps it in a final field.
   *
   * @throws IllegalArgumentException if this site has a parameter of that name and another shape
   */
  Tensor parameter(ParameterSpec spec);

  /** Borrows a parameter in the compute type: {@code parameter(ParameterSpec.of(...))}. */
  default Tensor parameter(String name, Init init, long... shape) {
    return parameter(ParameterSpec.of(name, init, shape));
  }

  /**
   * Borrows a parameter that sites have in common, made at the first call from any of them.
   *
   * @param group what the sites that share it call it; the parameter is named {@code
   *     shared.<group>.<name>}
   * @throws IllegalArgumentException if there is one of that name and another shape
   */
  Tensor shared(String group, ParameterSpec spec);

  /**
   * Returns the component that a configuration nests under an option made by {@link
   * Option#component}.
   *
   * @param outputs the child's {@link #outputs()}
   */
  <C> C child(Option<ChildConfig<C>> option, int outputs);

  /** Returns an error about an option, with file and line, to throw. */
  default ConfigException invalid(Option<?> option, String problem) {
    return settings().invalid(option, problem);
  }
}
