package dev.hydra.memory.workspace;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Memory;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;

/** Creates workspaces: slots that the tokens of a sequence write and read. */
@HydraPlugin("workspace")
public final class WorkspaceFactory implements ComponentFactory<Memory> {
  static final Option<Integer> SLOTS =
      Option.integer("slots", "slots of a sequence").atLeast(1).orElse(64);
  static final Option<Integer> DIM =
      Option.integer("dim", "dimension of a slot").atLeast(1).orElse(128);
  static final Option<Integer> HEADS =
      Option.integer("heads", "attention heads, a divisor of dim").atLeast(1).orElse(4);
  static final Option<Integer> CHUNK =
      Option.integer("chunk", "tokens that write together").atLeast(1).orElse(32);

  /** Creates the factory, for the registry. */
  public WorkspaceFactory() {}

  @Override
  public Role role() {
    return Role.MEMORY;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(SLOTS, DIM, HEADS, CHUNK);
  }

  @Override
  public Memory create(Site site) {
    int dim = site.get(DIM);
    int heads = site.get(HEADS);
    if (dim % heads != 0) {
      int fitting = heads;
      while (dim % fitting != 0) {
        fitting--;
      }
      throw site.invalid(
          HEADS,
          "must divide dim, but is " + heads + " with dim = " + dim + "; try heads = " + fitting);
    }
    return new Workspace(site);
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(
        List.of(
            StateSpec.of(Workspace.SLOTS, site.get(SLOTS), site.get(DIM))
                .in(StateSpec.Dtype.FLOAT32),
            StateSpec.of(
                Workspace.PENDING,
                site.get(CHUNK),
                site.get(HEADS) * site.get(SLOTS) + site.get(DIM))));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    double width = site.width();
    double slots = site.get(SLOTS);
    double dim = site.get(DIM);
    double heads = site.get(HEADS);
    double chunk = site.get(CHUNK);
    double tokens = work.tokens();
    double filled = work.context() % site.get(CHUNK) + tokens;
    double written = Math.floor(filled / chunk);
    double found = Math.ceil(filled / chunk);

    double slotElements = slots * dim;

    // Scores and values of the tokens, then per slot their weighted sum, gate and content; the
    // recurrence joins every chunk about twice. Kept, as by CUDA kernels: scores, values, and in
    // float32 what is written to slots and the slots after it.
    double writeFlops =
        2 * written * chunk * width * (heads * slots + dim)
            + written * slotElements * (2 * chunk + 2)
            + 6 * written * slotElements;
    double writeKept = written * (chunk * (heads * slots + dim) + 2 * 2 * slotElements);
    // Queries and gates of the tokens, keys of the slots, then attention and projection. Kept: the
    // input and what is gated, queries, what they read as it is and by token, contents and keys.
    double readFlops =
        2 * tokens * width * (dim + 1)
            + 2 * found * slotElements * dim
            + 4 * tokens * slotElements
            + 2 * tokens * dim * width;
    double readKept = tokens * (2 * width + 3 * dim + 2 * heads) + 2 * found * slotElements;
    double state = slotElements + chunk * (heads * slots + dim);
    return new Cost(writeFlops + readFlops, writeKept + readKept, state, 0);
  }
}
