package dev.hydra.trainer.step;

import dev.hydra.libtorch.graphs.Readback;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * What steps leave on their device, in tensors that stay the same, and how the host comes to it:
 * metrics, and whether a step was not finite. After such a step those that were launched before the
 * host knew of it change nothing either.
 */
final class StepResults implements AutoCloseable {
  /** Steps that may be in flight. */
  private static final int FLIGHTS = 2;

  private final Tensor metrics;
  private final Tensor halted;
  private final List<Flight> flights = new ArrayList<>();
  private int turn;

  /** One of those, and where its metrics come to. */
  private static final class Flight {
    final Readback readback;
    @Nullable StepInFlight step;

    Flight(Readback readback) {
      this.readback = readback;
    }

    boolean unsettled() {
      return step != null && step.unsettled();
    }

    void settle() {
      if (step != null) {
        step.await();
      }
    }
  }

  /**
   * Makes room.
   *
   * @param like a tensor of the device, of the type of metrics
   * @param stream where steps run; null if the host waits for each
   */
  StepResults(Tensor like, @Nullable SideStream stream) {
    try (PointerScope scope = new PointerScope()) {
      metrics = Scopes.own(Tensors.zeros(like, 3));
      halted = Scopes.own(Tensors.zeros(like, ScalarType.Bool));
    }
    for (int i = 0; stream != null && i < FLIGHTS; i++) {
      flights.add(new Flight(new Readback(stream, Tensors.type(metrics), 3)));
    }
  }

  /** Forgets, before a step, that one was not finite, if the host knows of it. */
  void begin() {
    if (!inFlight()) {
      Scopes.run(halted::zero_);
    }
  }

  /**
   * Puts the metrics of a step there.
   *
   * @param losses mean loss and auxiliary loss [2]
   * @param norm of the gradient
   * @return whether the step is to change nothing: bool, no dimensions
   */
  Tensor put(Tensor losses, Tensor norm) {
    ScalarType type = Tensors.type(metrics);
    metrics.copy_(Tensors.cat(0, Tensors.cast(losses, type), Tensors.cast(norm, type).view(1)));
    return halted.logical_or_(torch.isfinite(metrics).all().logical_not());
  }

  /** Lets the metrics come to the host, after the step that was launched. */
  StepInFlight read() {
    if (flights.isEmpty()) {
      StepMetrics measured = of(Tensors.numbers(metrics));
      return new StepInFlight(() -> measured);
    }
    Flight flight = flights.get(turn);
    turn = (turn + 1) % FLIGHTS;
    flight.settle();
    flight.readback.begin(metrics);
    flight.step = new StepInFlight(() -> of(flight.readback.numbers()));
    return flight.step;
  }

  private static StepMetrics of(double[] measured) {
    return new StepMetrics(measured[0], measured[1], measured[2]);
  }

  /** Says whether a step was launched that nobody has waited for. */
  boolean inFlight() {
    return flights.stream().anyMatch(Flight::unsettled);
  }

  /** Waits for the steps in flight. */
  void settle() {
    flights.forEach(Flight::settle);
  }

  @Override
  public void close() {
    flights.forEach(each -> each.readback.close());
    metrics.close();
    halted.close();
  }
}
