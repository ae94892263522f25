package dev.hydra.composer.model;

import dev.hydra.api.ParameterSpec;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * A parameter of a model.
 *
 * @param name its full name, such as {@code blocks.3.mixer.in_proj.weight}
 * @param spec how the component described it
 * @param master the fp32 master (float64 in checks), which optimizers change and checkpoints keep;
 *     in a model that was {@linkplain Model#toRead built to be read} the working copy
 * @param working what components compute with; the master itself where the types are the same
 * @param unused whether it is left of a component that is gone, kept for its value only
 * @param frozen whether it is not trained although its component would have it trained
 */
public record Parameter(
    String name, ParameterSpec spec, Tensor master, Tensor working, boolean unused, boolean frozen)
    implements AutoCloseable {
  /** Says whether an optimizer changes it. */
  public boolean trained() {
    return spec.trainable() && !frozen;
  }

  /** Says whether the working copy must follow changes of the master. */
  public boolean copied() {
    return !working.equals(master);
  }

  /**
   * Returns this parameter if it has a shape.
   *
   * @throws IllegalArgumentException if it has another one
   */
  public Parameter of(List<Long> shape) {
    if (!spec.shape().equals(shape)) {
      throw new IllegalArgumentException(
          "parameter " + name + " has shape " + spec.shape() + ", not " + shape);
    }
    return this;
  }

  /** Returns this parameter under another description of the same {@linkplain #fits kind}. */
  public Parameter as(ParameterSpec other) {
    return new Parameter(name, ParameterStore.done(other), master, working, false, frozen);
  }

  /** Returns this parameter frozen, or thawed. */
  Parameter frozen(boolean now) {
    return new Parameter(name, spec, master, working, unused, now);
  }

  /**
   * Returns this parameter with a copy of its master, which is then no more what is computed with.
   */
  Parameter withMasterOfItsOwn() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      return new Parameter(
          name, spec, Scopes.own(master.detach().clone()), working, unused, frozen);
    }
  }

  /** Returns this parameter left without a component. */
  public Parameter left() {
    return new Parameter(name, spec.frozen(), master, working, true, false);
  }

  /** Says whether its tensors are what a description asks for. */
  public boolean fits(ParameterSpec other) {
    return !unused
        && spec.shape().equals(other.shape())
        && spec.fp32() == other.fp32()
        && spec.trainable() == other.trainable()
        && spec.sparse() == other.sparse();
  }

  /**
   * Replaces the value, master and working copy.
   *
   * @throws IllegalArgumentException if the shape differs
   */
  public void load(Tensor value) {
    long[] sizes = Tensors.sizes(value);
    if (!Arrays.equals(sizes, spec.sizes())) {
      throw new IllegalArgumentException(
          "parameter "
              + name
              + " has shape "
              + spec.shape()
              + ", the value "
              + Arrays.toString(sizes));
    }
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      master.copy_(value);
      loaded();
    }
  }

  /** Lets the working copy follow the master. */
  void loaded() {
    if (copied()) {
      try (Grad off = Grad.off()) {
        working.copy_(master);
      }
    }
  }

  @Override
  public void close() {
    if (copied()) {
      working.close();
    }
    master.close();
  }
}
