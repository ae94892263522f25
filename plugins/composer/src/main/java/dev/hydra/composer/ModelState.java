package dev.hydra.composer;

import java.util.Map;
import java.util.TreeMap;
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
    long bytes = 0;
    for (SiteState site : sites.values()) {
      for (Tensor tensor : site.tensors().values()) {
        bytes += tensor.nbytes();
      }
    }
    return bytes;
  }

  @Override
  public void close() {
    sites.values().forEach(SiteState::close);
    sites.clear();
    position = 0;
  }
}
