package dev.hydra.api;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.osgi.annotation.versioning.ProviderType;

/**
 * The decoding state of one site: named tensors, first dimension batch. A forward that has a cache
 * starts from it and leaves the new state in it, so that prefill, chunked prefill and decoding by
 * single tokens are the same call.
 */
@ProviderType
public interface StateCache {
  /** Returns the number of tokens before this forward; 0 means that the cache is empty. */
  long position();

  /**
   * Returns a tensor that the forward before left; owned by the cache, not to be closed or changed.
   */
  Optional<Tensor> get(String name);

  /** Stores a tensor for the next forward; the one of that name before is freed. */
  void put(String name, Tensor value);
}
