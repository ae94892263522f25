package dev.hydra.composer;

import dev.hydra.api.ParameterSpec;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * A parameter of a model.
 *
 * @param name its full name, such as {@code blocks.3.mixer.in_proj.weight}
 * @param spec how the component described it
 * @param master the precise copy, which optimizers change and checkpoints keep
 * @param working what components compute with; the master itself where the types are the same
 */
public record Parameter(String name, ParameterSpec spec, Tensor master, Tensor working)
    implements AutoCloseable {
  /** Whether the working copy must follow changes of the master. */
  public boolean copied() {
    return Tensors.type(working) != Tensors.type(master);
  }

  @Override
  public void close() {
    if (copied()) {
      working.close();
    }
    master.close();
  }
}
