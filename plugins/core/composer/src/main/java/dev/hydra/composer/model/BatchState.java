package dev.hydra.composer.model;

import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The decoding states of several texts that are continued together, a token of each at a time. The
 * texts may differ in length. What components keep of fixed size stands in one tensor for all rows
 * as long as the same texts are here, so that nothing is copied from token to token.
 *
 * <p>Owns the states of its rows.
 */
public final class BatchState implements AutoCloseable {
  private final List<ModelState> rows = new ArrayList<>();
  private final Map<SitePath, JoinedState> sites = new TreeMap<>();

  /** Returns the states of the rows, whose tensors may be joined: {@link #split} them first. */
  public List<ModelState> rows() {
    return Collections.unmodifiableList(rows);
  }

  /**
   * Adds a row at the end.
   *
   * @param state that of a text of at least one token; owned from now on
   */
  public void add(ModelState state) {
    if (state.position() == 0) {
      throw new IllegalArgumentException("a text without tokens cannot be decoded in a batch");
    }
    split();
    rows.add(state);
  }

  /** Gives a row away; those after it move up. */
  public ModelState remove(int row) {
    split();
    return rows.remove(row);
  }

  /** Gives every row its own tensors back. */
  public void split() {
    sites.values().forEach(JoinedState::split);
    sites.clear();
  }

  /** Returns the state of a site. */
  JoinedState site(SitePath path) {
    return sites.computeIfAbsent(
        path, key -> new JoinedState(rows.stream().map(row -> row.site(key)).toList()));
  }

  /** Moves the position of every row on by one token. */
  void advance() {
    rows.forEach(row -> row.advance(1));
    sites.values().forEach(JoinedState::advanced);
  }

  @Override
  public void close() {
    sites.values().forEach(JoinedState::close);
    sites.clear();
    rows.forEach(ModelState::close);
    rows.clear();
  }
}
