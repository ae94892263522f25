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
  /** The number of tokens before this forward; 0 means that the cache is empty. */
  long position();

  /** A tensor left by the forward before; owned by the cache, not to be closed or changed. */
  Optional<Tensor> get(String name);

  /** Leaves a tensor for the next forward; the one of that name before is freed. */
  void put(String name, Tensor value);
}
