package dev.hydra.api;

import org.bytedeco.pytorch.Tensor;

/**
 * Maps hidden states to hidden states: the common shape of mixers, feed-forwards and memories.
 *
 * <p>Contract, checked by the conformance kit: output {@code t} depends on inputs {@code 0..t}
 * only; gradients agree with finite differences; one forward over a sequence equals any split of it
 * into chunks that pass a {@link StateCache} on; packed documents do not see each other; the same
 * seed gives the same result.
 */
public interface Layer {
  /**
   * Computes the layer.
   *
   * @param x hidden states [batch, time, width] in the compute type (float32, bfloat16 or, in
   *     checks, float64); {@code time >= 1}
   * @param pass the forward pass that this call is part of
   * @return hidden states [batch, time, width] in the type of {@code x}
   */
  Tensor forward(Tensor x, Pass pass);
}
