package dev.hydra.composer.model;

import dev.hydra.api.StateCache;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** The decoding state that the rows of a batch have at one site. */
final class JoinedState implements StateCache, AutoCloseable {
  private final List<SiteState> rows;
  private final boolean ragged;
  private final Map<String, Tensor> joined = new HashMap<>();
  private @Nullable Tensor positions;

  /** Creates the state of rows, whose tensors are joined when they are asked for. */
  JoinedState(List<SiteState> rows) {
    this.rows = rows;
    this.ragged = rows.stream().anyMatch(row -> differs(row, rows.get(0)));
  }

  private static boolean differs(SiteState row, SiteState first) {
    return row.position() != first.position() || !shapes(row).equals(shapes(first));
  }

  private static Map<String, List<Long>> shapes(SiteState row) {
    Map<String, List<Long>> shapes = new HashMap<>();
    row.tensors()
        .forEach(
            (name, tensor) ->
                shapes.put(name, Arrays.stream(Tensors.sizes(tensor)).boxed().toList()));
    return shapes;
  }

  @Override
  public long position() {
    if (ragged) {
      throw new IllegalStateException(
          "the rows differ in length: a component that declares its state asks for positions()");
    }
    return rows.get(0).position();
  }

  @Override
  public boolean ragged() {
    return ragged;
  }

  @Override
  public Tensor positions(Tensor like) {
    if (positions == null) {
      long[] numbers = rows.stream().mapToLong(SiteState::position).toArray();
      positions = Scopes.own(Tensor.create(numbers).to(like.device(), ScalarType.Long));
    }
    return positions;
  }

  /** The rows have moved on by a token. */
  void advanced() {
    if (positions != null) {
      positions.close();
      positions = null;
    }
  }

  @Override
  public List<SiteState> rows() {
    if (!ragged) {
      throw new IllegalStateException("these rows are of one length and have one state");
    }
    return rows;
  }

  @Override
  public Optional<Tensor> get(String name) {
    if (!joined.containsKey(name) && rows.get(0).get(name).isPresent()) {
      join(name);
    }
    return Optional.ofNullable(joined.get(name));
  }

  private void join(String name) {
    Tensor[] parts =
        rows.stream()
            .map(
                row ->
                    row.take(name)
                        .orElseThrow(
                            () ->
                                new IllegalStateException(
                                    "some texts have a state " + name + " and others have not")))
            .toArray(Tensor[]::new);
    Scopes.run(() -> joined.put(name, Scopes.own(Tensors.cat(0, parts))));
    for (Tensor part : parts) {
      part.close();
    }
  }

  @Override
  public void put(String name, Tensor value) {
    rows.forEach(row -> row.take(name).ifPresent(Tensor::close));
    Tensor before = joined.put(name, Scopes.own(value.detach()));
    if (before != null) {
      before.close();
    }
  }

  /** Gives every row its part of what was joined. */
  void split() {
    Scopes.run(
        () ->
            joined.forEach(
                (name, tensor) -> {
                  for (int i = 0; i < rows.size(); i++) {
                    rows.get(i).put(name, Tensors.slice(tensor, 0, i, i + 1L).clone());
                  }
                }));
    close();
  }

  @Override
  public void close() {
    joined.values().forEach(Tensor::close);
    joined.clear();
    advanced();
  }
}
