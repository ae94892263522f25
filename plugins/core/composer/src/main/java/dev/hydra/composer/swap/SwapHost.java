package dev.hydra.composer.swap;

import dev.hydra.composer.model.Parameter;
import java.util.Map;

/** What runs a model, and holds something for each of its parameters. */
public interface SwapHost {
  /** What a swap does to the parameters of the model. */
  interface Change extends ParameterMapping {
    /** Whether it does anything. */
    boolean parametersChange();

    /** The parameters that it adds, by name, some perhaps in the place of one of that name. */
    Map<String, Parameter> made();
  }

  /** The host's part in one swap. Closing frees what it does not need any more, in any state. */
  interface Participant extends AutoCloseable {
    /** At the boundary, before anything changes. */
    default void begin() {}

    /** At the boundary, when the model has changed. If this throws, the host is as before. */
    default void switched() {}

    /**
     * At a later boundary, when the model has changed back. If this throws, the host is as before.
     */
    default void rolledBack() {}

    @Override
    default void close() {}

    /** The part of a host that holds nothing. */
    static Participant none() {
      return new Participant() {};
    }
  }

  /** Gets ready on the worker: allocates what it can before the boundary. */
  default Participant prepare(Change change) {
    return Participant.none();
  }

  /**
   * Hears of everything in order: what was prepared, and how a request ended, before whoever asked
   * does. On the thread that runs the model where that did it, else on that of the requests' turns;
   * of what never had a turn, on the one that asked.
   */
  void reported(SwapReport report);

  /** Whether a swap can be undone until {@link Swapper#confirm}. */
  default boolean canRollBack() {
    return false;
  }

  /** A host that holds nothing. */
  static SwapHost none() {
    return report -> {};
  }
}
