package dev.hydra.composer.model;

import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.TrainingMemory.Step;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A summary of what a model is made of and what it costs. Parameters are counted as the model made
 * them; FLOPs, activations and state are each component's own count ({@link Cost}).
 *
 * @param parts every component, in order
 * @param roles parameters by role; {@code embedding}, {@code head}, {@code norms} and {@code gates}
 *     are the model's own; what sites have in common is that of the first
 * @param parameters all parameters
 * @param activeParameters those that one token uses
 * @param lengths costs at sequence lengths
 */
public record ModelSummary(
    List<ComponentCount> parts,
    Map<String, Count> roles,
    long parameters,
    long activeParameters,
    List<AtLength> lengths) {

  /** A number of parameters, and how many of them one token uses. */
  public record Count(long parameters, long activeParameters) {
    /** Adds another count. */
    Count plus(Count other) {
      return new Count(parameters + other.parameters, activeParameters + other.activeParameters);
    }
  }

  /**
   * A component, children included.
   *
   * @param path its site
   * @param role the key of its role
   * @param type its type, with its children's types, such as {@code moe(chunk-topk)}
   * @param count its parameters
   */
  public record ComponentCount(SitePath path, String role, String type, Count count) {}

  /**
   * The costs at a sequence length.
   *
   * @param tokens the length
   * @param forwardFlopsPerToken of a forward over the whole sequence, head included
   * @param decodeFlopsPerToken of one more token after the sequence
   * @param trainingBytes of a training step at its fullest moment, see {@link TrainingMemory}
   * @param decodingBytes working parameters and the state of one sequence
   */
  public record AtLength(
      long tokens,
      double forwardFlopsPerToken,
      double decodeFlopsPerToken,
      double trainingBytes,
      double decodingBytes) {}

  /**
   * Summarises a model; the meta device will do.
   *
   * @param compute the type that memory is counted for
   */
  public static ModelSummary of(Model model, ScalarType compute, List<Long> lengths) {
    return of(model, compute, lengths, Step.of(1));
  }

  /**
   * Summarises a model; the meta device will do.
   *
   * @param compute the type that memory is counted for
   * @param step what training is counted for, but for its tokens
   */
  public static ModelSummary of(Model model, ScalarType compute, List<Long> lengths, Step step) {
    Counter counter = new Counter(model);
    List<AtLength> costs = new ArrayList<>();
    for (long tokens : lengths) {
      costs.add(counter.at(tokens, compute, step));
    }
    Count all = counter.roles.values().stream().reduce(new Count(0, 0), Count::plus);
    return new ModelSummary(
        List.copyOf(counter.parts),
        counter.roles,
        all.parameters(),
        all.activeParameters(),
        List.copyOf(costs));
  }

  private static final class Counter {
    private static final int MASTER_BYTES = 4;

    private final Model model;
    private final List<ComponentSlot> sites;
    private final List<ComponentCount> parts = new ArrayList<>();
    private final Map<String, Count> roles = new LinkedHashMap<>();

    Counter(Model model) {
      this.model = model;
      this.sites = model.blocks().stream().flatMap(block -> block.slots().stream()).toList();
      Set<String> counted = new HashSet<>();
      for (ComponentSlot slot : sites) {
        Count count = count(slot, counted);
        parts.add(new ComponentCount(slot.path(), slot.role().key(), types(slot), count));
        roles.merge(slot.role().key(), count, Count::plus);
      }
      for (Parameter parameter : model.parameters().all()) {
        long elements = parameter.spec().elements();
        model
            .part(parameter.name())
            .ifPresent(part -> roles.merge(part.key(), new Count(elements, elements), Count::plus));
      }
    }

    /**
     * Counts what a site has and uses. A parameter that it shares with a site before it was counted
     * there; but of a table each site reads rows of its own.
     */
    private Count count(ComponentSlot slot, Set<String> counted) {
      Set<String> shared = new HashSet<>();
      slot.collectShared(shared);
      long parameters = 0;
      long readAgain = 0;
      for (Parameter parameter : model.parameters().all()) {
        long elements = parameter.spec().elements();
        boolean own = slot.path().owns(parameter.name());
        if (own || (shared.contains(parameter.name()) && counted.add(parameter.name()))) {
          parameters += elements;
        } else if (shared.contains(parameter.name()) && parameter.spec().sparse()) {
          readAgain += elements;
        }
      }
      long idle = (long) slot.cost(Workload.sequence(1)).idleParameters();
      return new Count(parameters, parameters + readAgain - idle);
    }

    private static String types(ComponentSlot slot) {
      List<ComponentSlot> children = slot.children();
      return children.isEmpty()
          ? slot.type()
          : slot.type()
              + "("
              + String.join(", ", children.stream().map(Counter::types).toList())
              + ")";
    }

    AtLength at(long tokens, ScalarType compute, Step step) {
      Cost whole = cost(Workload.sequence(tokens));
      Cost next = cost(new Workload(1, tokens));
      int computeBytes = compute == ScalarType.BFloat16 ? 2 : MASTER_BYTES;
      double working = 0;
      for (Parameter parameter : model.parameters().all()) {
        boolean copied = !parameter.spec().fp32();
        working += (double) parameter.spec().elements() * (copied ? computeBytes : MASTER_BYTES);
      }
      Step at =
          new Step(step.rows(), tokens, step.recompute(), step.accumulated(), step.optimizer());
      return new AtLength(
          tokens,
          whole.flops() / (double) tokens,
          next.flops(),
          TrainingMemory.of(model, compute, at).peak(),
          working + DecodingMemory.state(model, compute, tokens + 1));
    }

    private Cost cost(Workload work) {
      ModelSpec spec = model.spec();
      Cost cost = Cost.linear(work.tokens(), spec.width(), spec.vocabSize());
      for (ComponentSlot slot : sites) {
        cost = cost.plus(slot.cost(work));
      }
      return cost;
    }
  }
}
