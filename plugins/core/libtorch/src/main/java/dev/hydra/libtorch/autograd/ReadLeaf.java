package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.Scopes;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorImpl;

/**
 * A leaf that a call reads, until its backward can no longer run. Autograd adds the gradients of a
 * leaf that several calls read in an order of its own, so only that of a leaf with one reader may
 * come to it by another way.
 */
final class ReadLeaf implements AutoCloseable {
  /** By the address of the tensor; graphs decide how long an entry is needed. */
  private static final Map<Long, Readers> READERS = new ConcurrentHashMap<>();

  private final Tensor leaf;
  private final long address;
  private final Readers readers;

  /** The calls that read a leaf now, and whether there were ever several at a time. */
  private static final class Readers {
    private int count;
    private volatile boolean several;
  }

  /** Counts a call more that reads a leaf. */
  ReadLeaf(Tensor read) {
    leaf = Scopes.own(read);
    try (TensorImpl tensor = leaf.unsafeGetTensorImpl()) {
      address = tensor.address();
    }
    readers =
        READERS.compute(
            address,
            (key, known) -> {
              Readers all = known == null ? new Readers() : known;
              all.count++;
              all.several |= all.count > 1;
              return all;
            });
  }

  /** The leaf, until this is closed. */
  Tensor tensor() {
    return leaf;
  }

  /** Says whether no other call reads it, or did so while this one could still go backward. */
  boolean alone() {
    return !readers.several;
  }

  @Override
  public void close() {
    READERS.computeIfPresent(address, (key, all) -> --all.count == 0 ? null : all);
    leaf.close();
  }
}
