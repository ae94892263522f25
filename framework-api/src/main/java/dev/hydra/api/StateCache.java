package dev.hydra.api;

import java.util.List;
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
  /**
   * Returns the number of tokens before this forward; 0 means that the cache is empty.
   *
   * @throws IllegalStateException if the rows differ in it, see {@link #ragged}
   */
  long position();

  /**
   * Says whether the rows of the batch are texts that differ in their length so far. Then the
   * forward is one of a single token for each, none of the caches is empty, and positions are had
   * from {@link #positions}, tensors of {@link StateSpec#growing} size from {@link #rows}. Only
   * components that declare their state ({@link ComponentFactory#state}) meet such a batch.
   */
  boolean ragged();

  /**
   * Returns the number of tokens before this forward for each row.
   *
   * @param like says on which device
   * @return int64 [batch], or [1] if it is the same for all
   */
  Tensor positions(Tensor like);

  /**
   * Returns the states of the rows of a {@link #ragged} batch, in order, each a cache of batch 1.
   *
   * @throws IllegalStateException if the batch is not ragged
   */
  List<? extends StateCache> rows();

  /**
   * Returns a tensor that the forward before left; owned by the cache, not to be closed or changed.
   */
  Optional<Tensor> get(String name);

  /** Stores a tensor for the next forward; the one of that name before is freed. */
  void put(String name, Tensor value);
}
