package dev.hydra.memory.workspace;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Memory;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.List;

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

  /** For the plugin loader. */
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
  public Cost cost(Site site, Workload work) {
    double width = site.width();
    double slots = site.get(SLOTS);
    double dim = site.get(DIM);
    double heads = site.get(HEADS);
    long chunk = site.get(CHUNK);
    double tokens = work.tokens();
    long filled = work.context() % chunk + work.tokens();
    long written = filled / chunk;
    long found = (filled + chunk - 1) / chunk;

    // Scores and values of the tokens, then their weighted sums, gates and contents per slot.
    Cost write =
        Cost.linear((double) (written * chunk), width, heads * slots + dim)
            .plus(
                new Cost(
                    written * slots * dim * (2 * chunk + 2),
                    written * (chunk * (2 * heads * slots + dim) + 4 * slots * dim),
                    0,
                    0));
    // The recurrence joins each chunk about twice.
    Cost recur = new Cost(6 * written * slots * dim, 3 * written * slots * dim, 0, 0);
    Cost keys = Cost.linear(found * slots, dim, dim);
    Cost read =
        Cost.linear(tokens, width, dim + 1)
            .plus(new Cost(4 * tokens * slots * dim, tokens * (dim + heads), 0, 0))
            .plus(new Cost(0, 2 * found * slots * dim, 0, 0))
            .plus(Cost.linear(tokens, dim, width));
    double state = slots * dim + (double) (filled % chunk) * width;
    return write.plus(recur).plus(keys).plus(read).plus(new Cost(0, 0, state, 0));
  }
}
