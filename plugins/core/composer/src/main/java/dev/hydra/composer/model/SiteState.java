package dev.hydra.composer.model;

import dev.hydra.api.StateCache;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The decoding state of one site; owns its tensors. */
public final class SiteState implements StateCache, AutoCloseable {
  private final Map<String, Tensor> tensors = new HashMap<>();
  private final LongSupplier position;
  private long begin;

  /**
   * Creates an empty state.
   *
   * @param position the number of tokens seen
   * @param begin of these, those that the site does not know of
   */
  SiteState(LongSupplier position, long begin) {
    this.position = position;
    this.begin = begin;
  }

  @Override
  public long position() {
    return position.getAsLong() - begin;
  }

  @Override
  public boolean decoding() {
    return false;
  }

  @Override
  public Tensor positions(Tensor like) {
    return Tensors.range(position(), position() + 1, like);
  }

  @Override
  public Optional<long[]> known() {
    return Optional.of(new long[] {position()});
  }

  @Override
  public Optional<Tensor> get(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public void put(String name, Tensor value) {
    Tensor before = tensors.put(name, Scopes.own(value.detach()));
    if (before != null) {
      before.close();
    }
  }

  /** Casts what is kept under a name to the type that it is to be kept in. */
  void cast(String name, ScalarType type) {
    get(name)
        .filter(kept -> Tensors.type(kept) != type)
        .ifPresent(kept -> Scopes.run(() -> put(name, kept.to(type))));
  }

  /** Returns how many tokens came before the first one that the site knows of. */
  long begin() {
    return begin;
  }

  /** Forgets all: the next token is the first one. */
  void forget() {
    close();
    begin = position.getAsLong();
  }

  /** Gives a tensor away: the caller closes it. */
  Optional<Tensor> take(String name) {
    return Optional.ofNullable(tensors.remove(name));
  }

  /** Returns the live tensors by name. */
  Map<String, Tensor> tensors() {
    return Map.copyOf(tensors);
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
  }
}
