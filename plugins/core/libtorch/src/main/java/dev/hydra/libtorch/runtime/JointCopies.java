package dev.hydra.libtorch.runtime;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** Copies of matrices of the same inputs, one under another, so that one product is by all. */
final class JointCopies implements AutoCloseable {
  private record Joint(List<Tensor> weights, WeightCopies.Copy copy) {}

  /** By the first matrix: it is multiplied with the same others each time. */
  private final IdentityHashMap<Tensor, Joint> copies = new IdentityHashMap<>();

  void put(List<Tensor> weights, WeightCopies.Copy copy) {
    copies.put(weights.get(0), new Joint(List.copyOf(weights), copy));
  }

  boolean hasFirst(List<Tensor> weights) {
    return copies.containsKey(weights.get(0));
  }

  /** Finds the copy of exactly these matrices in this order; equal pointers are the same one. */
  Optional<WeightCopies.Copy> find(List<Tensor> weights) {
    return Optional.ofNullable(copies.get(weights.get(0)))
        .filter(joint -> joint.weights.equals(weights))
        .map(Joint::copy);
  }

  @Override
  public void close() {
    copies.values().forEach(joint -> joint.copy.close());
    copies.clear();
  }
}
