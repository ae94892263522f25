package dev.hydra.composer.swap;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelRevision;
import dev.hydra.composer.model.ModelState;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * A candidate and the host's participant, ready for the boundary; frees both unless they are in
 * use.
 */
final class PreparedSwap implements AutoCloseable {
  private final Candidate candidate;
  private final SwapHost.Participant participant;
  private boolean inUse;

  /** Builds and probes a candidate; see {@link Candidate}. */
  PreparedSwap(
      Model model, SwapRequest request, long room, SwapHost host, BooleanSupplier givenUp) {
    candidate = new Candidate(model, request, room, givenUp);
    try {
      participant = host.prepare(candidate);
    } catch (RuntimeException | Error e) {
      candidate.close();
      throw e;
    }
  }

  /** Returns the report of what the swap will do. */
  SwapReport report() {
    return candidate.report();
  }

  /**
   * Puts the swap in place, or throws and leaves all as it was.
   *
   * @return the applied swap, to roll it back or confirm it
   */
  AppliedSwap put(Model model, SwapRequest request, List<ModelState> states) {
    if (!candidate.current()) {
      throw new SwapRefusedException("the model has changed meanwhile; ask again");
    }
    candidate.transfer();
    Runnable forget =
        StateAdaptation.of(
            states,
            candidate.components(),
            model.placement(),
            request.state(),
            "with state reset the site forgets the tokens so far; or swap between texts");
    participant.begin();
    ModelRevision before = model.exchange(candidate.revision());
    try {
      participant.switched();
    } catch (RuntimeException | Error e) {
      model.exchange(before);
      throw e;
    }
    inUse = true;
    forget.run();
    return new AppliedSwap(
        model, candidate.report(), before, candidate.revision(), participant, request.state());
  }

  @Override
  public void close() {
    if (!inUse) {
      participant.close();
      candidate.close();
    }
  }
}
