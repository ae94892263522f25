package dev.hydra.composer.model;

import dev.hydra.api.StateCache;
import dev.hydra.api.StateSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** The decoding state that the rows of a {@link BatchState} have at one site, in buffers. */
final class DecodingState implements StateCache, AutoCloseable {
  /** Entries that a buffer of growing size has room for at first. */
  private static final long FIRST_ENTRIES = 256;

  /** Tokens that are looked ahead for, so that not every step looks at every row. */
  private static final long AHEAD = 64;

  /** The tokens of each row that came before the first one that the site knows of. */
  private static final String BEGIN = " begin";

  private final BatchState batch;
  private final SitePath path;
  private final Map<String, StateSpec> specs = new HashMap<>();
  private final Map<String, Tensor> buffers = new HashMap<>();
  private final Map<String, Tensor> views = new HashMap<>();

  DecodingState(BatchState batch, SitePath path, List<StateSpec> declared) {
    this.batch = batch;
    this.path = path;
    declared.forEach(spec -> specs.put(spec.name(), spec));
  }

  private SiteState row(int row) {
    return batch.rows().get(row).site(path);
  }

  /** Takes the tensors of a row into the buffers. */
  void load(int row, SiteState from) {
    specs.forEach(
        (name, spec) ->
            Scopes.run(
                () -> {
                  Optional<Tensor> part = from.take(name);
                  if (part.isPresent()) {
                    try (Tensor taken = part.get()) {
                      load(spec, row, taken, from.position());
                    }
                  } else if (buffers.containsKey(name)) {
                    buffer(name).select(0, row).zero_();
                  }
                }));
    Scopes.run(() -> begin(row, from.begin()));
  }

  private void load(StateSpec spec, int row, Tensor part, long tokens) {
    fit(spec, part, tokens);
    Tensor place = buffer(spec.name()).narrow(0, row, 1);
    if (spec.growing()) {
      place.zero_(); // another text's may be NaN
    }
    entries(spec, place, part).copy_(part);
  }

  private Tensor buffer(String name) {
    return Objects.requireNonNull(buffers.get(name), name);
  }

  /** Remembers where the text begins for this site in a row. */
  private void begin(int row, long tokens) {
    if (tokens > 0 && !buffers.containsKey(BEGIN)) {
      Tensor like = batch.positions();
      replace(BEGIN, Tensors.zeros(like, batch.room()));
    }
    if (buffers.containsKey(BEGIN)) {
      try (Scalar begin = new Scalar(tokens)) {
        buffer(BEGIN).narrow(0, row, 1).fill_(begin);
      }
    }
  }

  /** The first entries of a buffer, as many as another tensor has. */
  private static Tensor entries(StateSpec spec, Tensor buffer, Tensor like) {
    int dim = spec.growingDimension();
    return dim < 0 ? buffer : buffer.narrow(dim, 0, like.size(dim));
  }

  /** Makes room for tokens of a tensor. */
  private void fit(StateSpec spec, Tensor like, long tokens) {
    Tensor buffer = buffers.get(spec.name());
    int dim = spec.growingDimension();
    if (buffer == null) {
      allocate(spec, like, dim < 0 ? 0 : capacity(spec, FIRST_ENTRIES, tokens + 1));
    } else if (dim >= 0 && buffer.size(dim) < spec.growth().orElseThrow().entries(tokens + 1)) {
      allocate(spec, like, capacity(spec, buffer.size(dim), tokens + 1));
    }
  }

  /** A number of entries to have room for, after doubling. */
  private static long capacity(StateSpec spec, long least, long tokens) {
    StateSpec.Growth growth = spec.growth().orElseThrow();
    long entries = least;
    while (entries < growth.entries(tokens)) {
      entries *= 2;
    }
    return Math.min(entries, growth.limit());
  }

  private void allocate(StateSpec spec, Tensor like, long entries) {
    Scopes.run(
        () -> {
          long[] sizes = Tensors.sizes(like);
          sizes[0] = batch.room();
          if (spec.growing()) {
            sizes[spec.growingDimension()] = entries;
          }
          replace(spec.name(), Tensors.zeros(like, sizes));
        });
  }

  /** Puts a larger buffer in the place of one, with what that holds. */
  private void replace(String name, Tensor larger) {
    Tensor before = buffers.put(name, Scopes.own(larger));
    if (before != null) {
      Tensor part = larger;
      for (int dim = 0; dim < before.dim(); dim++) {
        part = part.narrow(dim, 0, before.size(dim));
      }
      part.copy_(before);
      before.close();
    }
    rowsChanged();
    batch.moved();
  }

  /** Makes room for more rows. */
  void resize(int rows) {
    List.copyOf(buffers.keySet())
        .forEach(
            name ->
                Scopes.run(
                    () -> {
                      Tensor before = buffer(name);
                      long[] sizes = Tensors.sizes(before);
                      sizes[0] = rows;
                      replace(name, Tensors.zeros(before, sizes));
                    }));
  }

  /** Makes room for one more token of every row. */
  void reserve() {
    long longest = longest();
    for (StateSpec spec : specs.values()) {
      Tensor buffer = buffers.get(spec.name());
      if (spec.growing() && buffer != null) {
        fit(spec, buffer, longest);
      }
    }
  }

  /** Returns how many more tokens of every row there is room for: many, one or none. */
  long spare() {
    long longest = longest();
    return fits(longest + AHEAD) ? AHEAD : fits(longest + 1) ? 1 : 0;
  }

  private boolean fits(long tokens) {
    return specs.values().stream()
        .filter(spec -> spec.growing() && buffers.containsKey(spec.name()))
        .allMatch(
            spec ->
                buffer(spec.name()).size(spec.growingDimension())
                    >= spec.growth().orElseThrow().entries(tokens));
  }

  private long longest() {
    long longest = 0;
    for (int i = 0; i < batch.rows().size(); i++) {
      longest = Math.max(longest, row(i).position());
    }
    return longest;
  }

  /** Gives a row its tensors. */
  void unload(int row, SiteState to) {
    specs.forEach(
        (name, spec) -> {
          Tensor buffer = buffers.get(name);
          if (buffer != null) {
            Tensor part = buffer.narrow(0, row, 1);
            to.put(name, Rewinding.part(spec, part, to.position()).clone());
          }
        });
  }

  /** Copies a row to the place of another. */
  void move(int from, int to) {
    buffers.values().forEach(buffer -> buffer.select(0, to).copy_(buffer.select(0, from)));
  }

  /** Other rows than before have their turn. */
  void rowsChanged() {
    views.values().forEach(Tensor::close);
    views.clear();
  }

  @Override
  public long position() {
    throw new IllegalStateException(
        "the rows may differ in length: a component that declares its state asks for positions()");
  }

  @Override
  public boolean decoding() {
    return true;
  }

  @Override
  public Tensor positions(Tensor like) {
    Tensor positions = batch.positions();
    return get(BEGIN).map(positions::sub).orElse(positions);
  }

  @Override
  public Optional<long[]> known() {
    if (batch.isCapturing()) {
      return Optional.empty();
    }
    long[] positions = new long[batch.rows().size()];
    Arrays.setAll(positions, i -> row(i).position());
    return Optional.of(positions);
  }

  @Override
  public Optional<Tensor> get(String name) {
    Tensor buffer = buffers.get(name);
    if (buffer == null) {
      return Optional.empty();
    }
    if (!views.containsKey(name)) {
      Scopes.run(() -> views.put(name, Scopes.own(buffer.narrow(0, 0, batch.width()))));
    }
    return Optional.ofNullable(views.get(name));
  }

  @Override
  public void put(String name, Tensor value) {
    Tensor here =
        get(name)
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        "the state " + name + " was not there before, or is not declared"));
    if (Tensors.address(here) != Tensors.address(value)) {
      here.copy_(value);
    }
  }

  @Override
  public void close() {
    rowsChanged();
    buffers.values().forEach(Tensor::close);
    buffers.clear();
  }
}
