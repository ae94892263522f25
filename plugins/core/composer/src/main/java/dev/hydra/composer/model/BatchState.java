package dev.hydra.composer.model;

import dev.hydra.api.StateSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The decoding states of several texts that are continued together, a token of each at a time. The
 * texts may differ in length. What components declare stands in buffers with a place for each text
 * and room for more texts and tokens: a step writes into them, and nothing is copied from token to
 * token. As long as {@link #epoch} stays, buffers stay where they are, so that a captured step can
 * be replayed.
 *
 * <p>Owns the states of its rows.
 */
public final class BatchState implements AutoCloseable {
  private final Supplier<List<ComponentSlot>> slots;
  private final Device device;
  private final List<ModelState> rows = new ArrayList<>();
  private final Map<SitePath, DecodingState> sites = new TreeMap<>();
  private int room;
  private int width;
  private boolean capturing;
  private long epoch;

  /** More tokens of every row that there is room for at least. */
  private long spare;

  private @Nullable Tensor positions;

  /**
   * Creates a batch without rows.
   *
   * @param slots all components that have state
   * @param device where it stands
   */
  BatchState(Supplier<List<ComponentSlot>> slots, Device device) {
    this.slots = slots;
    this.device = device;
  }

  /** Returns the positions and what components keep that do not declare it, of each row. */
  public List<ModelState> rows() {
    return Collections.unmodifiableList(rows);
  }

  /** Returns a number that changes whenever a buffer has moved. */
  public long epoch() {
    return epoch;
  }

  /** Returns how many rows there is room for. */
  public int room() {
    return room;
  }

  /**
   * Says whether a text can be added: it has tokens, and every component that declares state has
   * some of it, which after a swap a component may not have.
   */
  public boolean accepts(ModelState state) {
    return state.position() > 0
        && slots.get().stream()
            .filter(slot -> !declared(slot).isEmpty())
            .allMatch(slot -> !state.site(slot.path()).tensors().isEmpty());
  }

  private static List<StateSpec> declared(ComponentSlot slot) {
    return slot.site().state().orElse(List.of());
  }

  /**
   * Adds a row at the end.
   *
   * @param state that of a text that is {@link #accepts accepted}; owned from now on, unless this
   *     fails, as where there is no memory left: then the other rows are as they were
   */
  public void add(ModelState state) {
    if (!accepts(state)) {
      throw new IllegalArgumentException(
          "a text of which a component has no state yet cannot be decoded in a batch");
    }
    if (sites.isEmpty()) {
      slots.get().stream()
          .filter(slot -> !declared(slot).isEmpty())
          .forEach(
              slot -> sites.put(slot.path(), new DecodingState(this, slot.path(), declared(slot))));
    }
    if (rows.size() == room) {
      resize(Math.max(1, 2 * room));
    }
    int row = rows.size();
    rows.add(state);
    rowsChanged();
    try {
      sites.forEach((path, site) -> site.load(row, state.site(path)));
      Scopes.run(() -> place(row));
    } catch (RuntimeException e) {
      rows.remove(row);
      rowsChanged();
      throw e;
    }
  }

  /** Makes room, which there is once all buffers have it: making them may fail. */
  private void resize(int newRoom) {
    Tensor before = positions;
    Scopes.run(
        () -> {
          Tensor zeros = torch.zeros(new long[] {newRoom}).to(device, ScalarType.Long);
          positions = Scopes.own(zeros);
          if (before != null) {
            zeros.narrow(0, 0, before.size(0)).copy_(before);
          }
        });
    if (before != null) {
      before.close();
    }
    moved();
    sites.values().forEach(site -> site.resize(newRoom));
    room = newRoom;
  }

  /** Tells the device where a row is. */
  private void place(int row) {
    try (Scalar position = new Scalar(rows.get(row).position())) {
      Objects.requireNonNull(positions).narrow(0, row, 1).fill_(position);
    }
  }

  /** Gives a row away; the last one takes its place. */
  public ModelState remove(int row) {
    ModelState state = rows.get(row);
    Scopes.run(() -> sites.forEach((path, site) -> site.unload(row, state.site(path))));
    return leave(row);
  }

  /** Forgets a row; the last one takes its place. */
  public void drop(int row) {
    leave(row).close();
  }

  private ModelState leave(int row) {
    int last = rows.size() - 1;
    ModelState state = rows.get(row);
    if (row < last) {
      Scopes.run(() -> sites.values().forEach(site -> site.move(last, row)));
      rows.set(row, rows.get(last));
      Scopes.run(() -> place(row));
    }
    rows.remove(last);
    rowsChanged();
    return state;
  }

  /** Gives all rows away, in order. */
  public List<ModelState> removeAll() {
    Scopes.run(
        () -> {
          for (int i = 0; i < rows.size(); i++) {
            ModelState state = rows.get(i);
            int row = i;
            sites.forEach((path, site) -> site.unload(row, state.site(path)));
          }
        });
    List<ModelState> all = List.copyOf(rows);
    rows.clear();
    close();
    return all;
  }

  private void rowsChanged() {
    width = rows.size();
    spare = 0;
    sites.values().forEach(DecodingState::rowsChanged);
  }

  /** Makes room for one more token of every row. */
  public void reserve() {
    if (!capturing && !hasRoom()) {
      sites.values().forEach(DecodingState::reserve);
    }
  }

  /** Says whether there is room for one more token of every row. */
  public boolean hasRoom() {
    if (spare == 0) {
      spare = sites.values().stream().mapToLong(DecodingState::spare).min().orElse(Long.MAX_VALUE);
    }
    return spare > 0;
  }

  /** Returns a component that does not declare its state, if there is one. */
  public Optional<SitePath> undeclared() {
    return slots.get().stream()
        .filter(slot -> slot.site().state().isEmpty())
        .map(ComponentSlot::path)
        .findFirst();
  }

  /**
   * Runs a forward that can be captured, to be replayed with other positions and tokens: over so
   * many rows, of which the first are the texts and the others of no meaning, and without the host
   * knowing where they are. Say {@link #replayed} when it has been computed.
   *
   * @param newWidth at most {@link #room}
   */
  public void capturable(int newWidth, Runnable forward) {
    width = newWidth;
    capturing = true;
    sites.values().forEach(DecodingState::rowsChanged);
    try {
      forward.run();
    } finally {
      capturing = false;
      rowsChanged();
    }
  }

  /** Says that such a forward has been computed: every row has one more token. */
  public void replayed() {
    rows.forEach(row -> row.advance(1));
    spare = Math.max(0, spare - 1);
  }

  /** Moves the position of every row on by one token. */
  void advance() {
    if (positions != null) {
      Scopes.run(
          () -> {
            try (Scalar one = new Scalar(1L)) {
              positions().add_(one);
            }
          });
    }
    if (!capturing) {
      replayed();
    }
  }

  /** Returns the state of a site. */
  DecodingState site(SitePath path) {
    DecodingState site = sites.get(path);
    if (site == null) {
      throw new IllegalStateException("the component at " + path + " declares no state");
    }
    return site;
  }

  /** Returns the number of tokens of each row that the forward is for, int64 [rows], a view. */
  Tensor positions() {
    return Objects.requireNonNull(positions).narrow(0, 0, width);
  }

  /** Says whether the forward is one that can be captured. */
  boolean isCapturing() {
    return capturing;
  }

  /** Returns how many rows the forward is for. */
  int width() {
    return width;
  }

  /** A buffer is somewhere else now. */
  void moved() {
    epoch++;
  }

  @Override
  public void close() {
    sites.values().forEach(DecodingState::close);
    sites.clear();
    rows.forEach(ModelState::close);
    rows.clear();
    if (positions != null) {
      positions.close();
      positions = null;
    }
    room = 0;
    width = 0;
    moved();
  }
}
