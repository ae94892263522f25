package dev.hydra.composer.swap;

import dev.hydra.composer.model.Parameter;
import java.util.Map;
import java.util.Optional;

/** The host of a model, which runs it and holds something for each of its parameters. */
public interface SwapHost {
  /** The change that a swap makes to the parameters of the model. */
  interface Change extends ParameterMapping {
    /** Says whether any parameter changes. */
    boolean parametersChange();

    /**
     * Returns the parameters that it adds, by name, some perhaps in the place of one of that name.
     */
    Map<String, Parameter> made();
  }

  /** The host's part in one swap. Closing frees what it does not need any more, in any state. */
  interface Participant extends AutoCloseable {
    /** Begins the change, at the boundary, before anything else does. */
    default void begin() {}

    /**
     * Follows the model, at the boundary, when it has changed. If this throws, the host is as
     * before.
     */
    default void switched() {}

    /**
     * Follows the model back, at a later boundary, when it was rolled back. If this throws, the
     * host is as before.
     */
    default void rolledBack() {}

    @Override
    default void close() {}

    /** Returns the part of a host that holds nothing. */
    static Participant none() {
      return new Participant() {};
    }
  }

  /** Prepares the host's part on the worker: allocates what it can before the boundary. */
  default Participant prepare(Change change) {
    return Participant.none();
  }

  /**
   * Hears of everything in order: what was prepared, and how a request ended, before whoever asked
   * does. On the thread that runs the model where that did it, else on that of the requests' turns;
   * of what never had a turn, on the one that asked.
   */
  void reported(SwapReport report);

  /** Says whether a swap can be rolled back until {@link Swapper#confirm}. */
  default boolean canRollBack() {
    return false;
  }

  /** Returns how long swaps are watched by the host; empty if they are not. */
  default Optional<SwapReport.Guard> guard() {
    return Optional.empty();
  }

  /** Returns a host that holds nothing. */
  static SwapHost none() {
    return report -> {};
  }
}
