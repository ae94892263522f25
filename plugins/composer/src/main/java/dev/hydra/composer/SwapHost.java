package dev.hydra.composer;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/** What runs a model, and holds something for each of its parameters. */
public interface SwapHost {
  /** What a swap does to the parameters of the model. */
  interface Change {
    /** Whether it does anything. */
    boolean parametersChange();

    /** The parameters that it adds, by name, some perhaps in the place of one of that name. */
    Map<String, Parameter> made();

    /**
     * Moves another quantity that goes with the elements of the parameters, such as moments.
     *
     * @param old the quantity by the full names of old parameters; empty for those without
     * @return the quantity by the full names of those new parameters whose elements are old ones
     */
    Map<String, Tensor> rearranged(Function<String, Optional<Tensor>> old);

    /** The full names of the old parameters that a rearranged one came from. */
    Set<String> origins(String name);
  }

  /** The host's part in one swap. Closing frees what it does not need any more, in any state. */
  interface Part extends AutoCloseable {
    /** At the boundary, before anything changes. */
    void begin();

    /** At the boundary, when the model has changed. If this throws, the host is as before. */
    void switched();

    /**
     * At a later boundary, when the model has changed back. If this throws, the host is as before.
     */
    void rolledBack();

    @Override
    void close();
  }

  /** Gets ready on the worker: allocates what it can before the boundary. */
  Part prepare(Change change);

  /**
   * Hears of everything in order: what was prepared, and how a request ended, before whoever asked
   * does. On the thread that runs the model where that did it, else on the one that asked.
   */
  void reported(SwapReport report);

  /** Whether a swap can be undone until {@link Swapper#confirm}. */
  boolean undoable();

  /** A host that holds nothing. */
  static SwapHost none() {
    return new SwapHost() {
      @Override
      public Part prepare(Change change) {
        return new Part() {
          @Override
          public void begin() {}

          @Override
          public void switched() {}

          @Override
          public void rolledBack() {}

          @Override
          public void close() {}
        };
      }

      @Override
      public void reported(SwapReport report) {}

      @Override
      public boolean undoable() {
        return false;
      }
    };
  }
}
