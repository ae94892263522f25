package dev.hydra.composer.model;

import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToLongFunction;
import org.bytedeco.pytorch.Tensor;

/**
 * The decoding state of a model: what every site remembers of the tokens so far. Begin with a new
 * one, hand it to forward after forward, close it at the end.
 */
public final class ModelState implements AutoCloseable {
  private final Map<SitePath, SiteState> sites = new TreeMap<>();
  private long position;

  /** Returns the number of tokens seen. */
  public long position() {
    return position;
  }

  /**
   * Creates a state that continues where another was; it owns its tensors.
   *
   * @param position the number of tokens seen
   * @param tensors as {@link #export()} names them, on the device where they are to be used; copied
   */
  public static ModelState of(long position, Map<String, Tensor> tensors) {
    ModelState state = new ModelState();
    state.position = position;
    tensors.forEach(
        (name, tensor) -> {
          int slash = name.lastIndexOf('/');
          if (slash < 0) {
            throw new IllegalArgumentException(name + " is not SITE/NAME");
          }
          Scopes.run(
              () ->
                  state
                      .site(new SitePath(name.substring(0, slash)))
                      .put(name.substring(slash + 1), tensor.clone()));
        });
    return state;
  }

  /** Returns the tensors by {@code SITE/NAME}: the live ones, which the next forward frees. */
  public Map<String, Tensor> export() {
    Map<String, Tensor> all = new TreeMap<>();
    sites.forEach(
        (path, site) ->
            site.tensors().forEach((name, tensor) -> all.put(path + "/" + name, tensor)));
    return all;
  }

  /** Returns the state of a site, empty if it has left none. */
  public SiteState site(SitePath path) {
    return sites.computeIfAbsent(path, key -> new SiteState(this::position, begin(key)));
  }

  /** Returns where the text begins for a new site: where it does for the one above. */
  private long begin(SitePath path) {
    return path.parent()
        .map(
            parent -> {
              SiteState above = sites.get(parent);
              return above == null ? begin(parent) : above.begin();
            })
        .orElse(0L);
  }

  /** Forgets what a site and those below it remember: for them, the text begins anew. */
  public void forget(SitePath path) {
    site(path).forget();
    sites.forEach(
        (each, site) -> {
          if (path.contains(each)) {
            site.forget();
          }
        });
  }

  /** Returns the sites that remember something. */
  Set<SitePath> remembering() {
    Set<SitePath> paths = new TreeSet<>();
    sites.forEach(
        (path, site) -> {
          if (!site.tensors().isEmpty()) {
            paths.add(path);
          }
        });
    return paths;
  }

  /**
   * Returns a state of its own that continues where this one is, so that both can go on.
   *
   * @return what the caller closes
   */
  public ModelState fork() {
    return fork(position, (site, name, whole) -> whole);
  }

  /** Which part of a tensor a fork is given. */
  interface Part {
    Tensor of(SitePath site, String name, Tensor whole);
  }

  /** Returns a state of its own that has seen so many tokens, with a part of each tensor. */
  ModelState fork(long tokens, Part part) {
    ModelState fork = new ModelState();
    fork.position = tokens;
    sites.forEach(
        (path, site) -> {
          SiteState copy = new SiteState(fork::position, site.begin());
          fork.sites.put(path, copy);
          site.tensors()
              .forEach(
                  (name, whole) ->
                      Scopes.run(() -> copy.put(name, part.of(path, name, whole).clone())));
        });
    return fork;
  }

  /** Returns the sites by their paths. */
  Map<SitePath, SiteState> sites() {
    return Collections.unmodifiableMap(sites);
  }

  /** Moves the position on by the tokens of a forward. */
  public void advance(long tokens) {
    position += tokens;
  }

  /** Returns the bytes that the state holds. */
  public long bytes() {
    return sum(Tensor::nbytes);
  }

  /** Returns the number of elements that the state holds, of whatever type. */
  public long elements() {
    return sum(Tensor::numel);
  }

  private long sum(ToLongFunction<Tensor> size) {
    return export().values().stream().mapToLong(size).sum();
  }

  @Override
  public void close() {
    sites.values().forEach(SiteState::close);
    sites.clear();
    position = 0;
  }
}
