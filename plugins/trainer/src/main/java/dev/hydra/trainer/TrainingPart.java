package dev.hydra.trainer;

import dev.hydra.composer.Model;
import dev.hydra.composer.SwapHost;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Tensors;
import dev.hydra.optim.Moments;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** A training's part in one swap: gradients and moments follow the parameters. */
final class TrainingPart implements SwapHost.Part {
  private final Model model;
  private final TrainingStep training;
  private final SwapHost.Change change;
  private final Optional<Snapshot> snapshot;

  /** For parameters that are not trained: first the joining ones, then those gone, and so on. */
  private Holdings resting;

  /** Allocates. */
  TrainingPart(Model model, TrainingStep training, SwapHost.Change change, boolean undoable) {
    this.model = model;
    this.training = training;
    this.change = change;
    this.snapshot = undoable ? Optional.of(new Snapshot(model.parameters())) : Optional.empty();
    this.resting = Holdings.of(change.made().values());
  }

  @Override
  public void begin() {
    snapshot.ifPresent(each -> each.fill(model.parameters(), training.optimizer()));
    carryMoments();
  }

  private void carryMoments() {
    Map<String, Moments> old = training.optimizer().moments();
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      carry(old, Moments::average);
      carry(old, Moments::square);
    }
  }

  private void carry(Map<String, Moments> old, Function<Moments, Tensor> quantity) {
    Map<String, Tensor> moved =
        change.rearranged(name -> Optional.ofNullable(old.get(name)).map(quantity));
    moved.forEach(
        (name, value) -> {
          Moments own = resting.moments().get(name);
          if (own != null) {
            quantity.apply(own).copy_(value);
            latest(old, change.origins(name)).ifPresent(step -> own.step().copy_(step));
          }
        });
  }

  /** The step count of what was made from several is that of the oldest that was trained. */
  private static Optional<Tensor> latest(Map<String, Moments> old, Iterable<String> origins) {
    Optional<Tensor> latest = Optional.empty();
    for (String name : origins) {
      Moments own = old.get(name);
      if (own != null
          && (latest.isEmpty() || Tensors.number(own.step()) > Tensors.number(latest.get()))) {
        latest = Optional.of(own.step());
      }
    }
    return latest;
  }

  @Override
  public void switched() {
    if (change.parametersChange()) {
      resting = training.exchange(resting);
    }
  }

  @Override
  public void rolledBack() {
    switched();
    snapshot.orElseThrow().restore(model.parameters(), training.optimizer());
  }

  @Override
  public void close() {
    snapshot.ifPresent(Snapshot::close);
    resting.close();
  }
}
