package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Creates optimizers that treat matrices by {@link Muon} and all other parameters by AdamW. */
@HydraPlugin("muon")
public final class MuonFactory implements OptimizerFactory {
  private static final Option<Double> MOMENTUM =
      AdamWOptions.beta("momentum", "matrices: how much of the gradients' average a step keeps")
          .orElse(0.95);
  private static final Option<Boolean> NESTEROV =
      Option.flag("nesterov", "matrices: whether momentum looks a step ahead").orElse(true);
  private static final Option<Integer> STEPS =
      Option.integer("newton-schulz-steps", "matrices: steps of the iteration")
          .between(1, 20)
          .orElse(5);
  private static final Option<Muon.Scale> SCALE =
      Option.choice(
              "scale",
              Muon.Scale.class,
              "matrices: how large steps are: 0.2 sqrt(max(rows, columns)), or as first published"
                  + " sqrt(max(1, rows / columns)), which needs a learning rate of its own")
          .orElse(Muon.Scale.MATCH_ADAMW);
  private static final Option<List<String>> EXCLUDE =
      Option.texts("exclude", "patterns of the names of matrices that AdamW treats")
          .orElse(List.of("embedding.*", "head.*"));
  private static final Option<Double> ADAMW_FACTOR =
      Option.decimal(
              "adamw-rate-factor", "all others: their learning rate as a part of the matrices'")
          .atLeast(0.0)
          .orElse(1.0);

  /** Creates the factory, for the registry. */
  public MuonFactory() {}

  @Override
  public List<Option<?>> options() {
    return Stream.concat(
            Stream.of(MOMENTUM, NESTEROV, STEPS, SCALE, EXCLUDE, ADAMW_FACTOR),
            AdamWOptions.ALL.stream())
        .toList();
  }

  @Override
  public boolean takesGroups() {
    return true;
  }

  @Override
  public boolean takesDenseTables() {
    return true;
  }

  @Override
  public Optimizer create(OptimizerContext from) {
    ParameterGroups groups = from.groups();
    Map<Boolean, List<OptimizedParameter>> kinds =
        from.parameters().stream()
            .collect(Collectors.partitioningBy(each -> isMatrix(each, groups)));
    List<OptimizedParameter> matrices = kinds.getOrDefault(true, List.of());
    List<OptimizedParameter> others = kinds.getOrDefault(false, List.of());
    List<Optimizer> parts = new ArrayList<>();
    if (!matrices.isEmpty()) {
      parts.add(new Muon(matrices, each -> muon(each, groups), from.known()));
    }
    if (!others.isEmpty()) {
      parts.add(new AdamW(others, each -> adamw(each, groups), from.known()));
    }
    Function<OptimizedParameter, ParameterState> fresh =
        each -> isMatrix(each, groups) ? Muon.initial(each) : AdamW.initial(each);
    return new MixedOptimizer(parts, from.parameters(), fresh);
  }

  private static boolean isMatrix(OptimizedParameter parameter, ParameterGroups groups) {
    List<String> excluded = groups.of(parameter.name()).settings().get(EXCLUDE);
    return Muon.takes(parameter)
        && parameter.decay() // or it is a table of vectors, of rates, of places
        && excluded.stream().noneMatch(each -> new Glob(each).matches(parameter.name()));
  }

  private static Muon.Treatment muon(OptimizedParameter parameter, ParameterGroups groups) {
    ParameterGroups.Member member = groups.of(parameter.name());
    return new Muon.Treatment(
        member.settings().get(MOMENTUM),
        member.settings().get(NESTEROV),
        member.settings().get(STEPS),
        member.settings().get(SCALE),
        AdamWOptions.treatment(member, true).constants().weightDecay(),
        member.rateFactor());
  }

  private static AdamW.Treatment adamw(OptimizedParameter parameter, ParameterGroups groups) {
    ParameterGroups.Member member = groups.of(parameter.name());
    AdamW.Treatment own = AdamWOptions.treatment(member, parameter.decay());
    return new AdamW.Treatment(
        own.constants(), own.rateFactor() * member.settings().get(ADAMW_FACTOR));
  }
}
