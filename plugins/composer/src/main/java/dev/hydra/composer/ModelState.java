package dev.hydra.composer;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import org.bytedeco.pytorch.Tensor;

/**
 * The decoding state of a model: what every site remembers of the tokens so far. Begin with a new
 * one, hand it to forward after forward, close it at the end.
 */
public final class ModelState implements AutoCloseable {
  private final Map<String, SiteState> sites = new TreeMap<>();
  private long position;

  /** The number of tokens seen. */
  public long position() {
    return position;
  }

  SiteState site(String path) {
    return sites.computeIfAbsent(path, key -> new SiteState(this::position));
  }

  void advance(long tokens) {
    position += tokens;
  }

  /** The bytes that the state holds. */
  public long bytes() {
    return sum(Tensor::nbytes);
  }

  /** The elements that the state holds, of whatever type. */
  public long elements() {
    return sum(Tensor::numel);
  }

  private long sum(ToLongFunction<Tensor> size) {
    return sites.values().stream()
        .flatMap(site -> site.tensors().values().stream())
        .mapToLong(size)
        .sum();
  }

  @Override
  public void close() {
    sites.values().forEach(SiteState::close);
    sites.clear();
    position = 0;
  }
}
