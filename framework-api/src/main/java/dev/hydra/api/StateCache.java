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
  /**
   * Returns the number of tokens before this forward; 0 means that the cache is empty.
   *
   * @throws IllegalStateException if this forward is {@link #decoding}
   */
  long position();

  /**
   * Says whether this forward is one more token for each of several texts, which may differ in
   * their length so far, with state that stays where it is. Then none of the caches is empty, and
   *
   * <ul>
   *   <li>positions are had from {@link #positions}, a tensor, as on CUDA the forward may be
   *       captured and replayed for other positions;
   *   <li>a tensor of fixed size stands for all rows; the component changes it in place, or what is
   *       {@link #put} is copied into it;
   *   <li>so does one of {@link StateSpec#growing} size, with room for more entries than there are
   *       so far; the component writes its new entry into it, in place. What stands in the room is
   *       of no meaning, but finite.
   * </ul>
   *
   * Only components that declare their state ({@link ComponentFactory#state}) meet such a forward.
   */
  boolean decoding();

  /**
   * Returns the number of tokens before this forward for each row.
   *
   * @param like says on which device
   * @return int64 [batch], or [1] if it is the same for all and the forward is not {@link
   *     #decoding}
   */
  Tensor positions(Tensor like);

  /**
   * Returns the same numbers where the host knows them, for what can be left out where no row needs
   * it. Empty while a forward is captured, to be replayed when the rows are elsewhere: then the
   * component does everything, and the device decides for which rows it counts.
   */
  Optional<long[]> known();

  /**
   * Returns a tensor that the forward before left; owned by the cache, not to be closed, and not to
   * be changed unless the forward is {@link #decoding}.
   */
  Optional<Tensor> get(String name);

  /**
   * Stores a tensor for the next forward; the one of that name before is freed or overwritten. What
   * is declared as {@link StateSpec.Dtype#RECURRENT} may be in a more precise type than it is kept
   * in.
   */
  void put(String name, Tensor value);
}
