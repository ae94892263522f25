package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/** Creates {@link AdamW} optimizers. */
@HydraPlugin("adamw")
public final class AdamWFactory implements OptimizerFactory {
  private static final Option<Type> MOMENTS =
      Option.choice(
              "moments", Type.class, "the type of the averages; bf16 is rounded stochastically")
          .orElse(Type.FP32);
  private static final Option<Integer> MOMENTS_SEED =
      Option.integer("moments-seed", "of the rounding of averages in bf16").orElse(0);

  private enum Type {
    FP32,
    BF16
  }

  /** Creates the factory, for the registry. */
  public AdamWFactory() {}

  @Override
  public List<Option<?>> options() {
    return Stream.concat(AdamWOptions.ALL.stream(), Stream.of(MOMENTS, MOMENTS_SEED)).toList();
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
  public boolean takesWorkingGradients(ParameterGroups groups, Tensor master) {
    long ways =
        groups.members().stream()
            .map(each -> AdamWOptions.treatment(each, false).withoutDecay())
            .distinct()
            .count();
    boolean half = groups.members().stream().anyMatch(AdamWFactory::isHalf);
    return !half && ways == 1 && AdamWKernels.of(master).isPresent();
  }

  private static boolean isHalf(ParameterGroups.Member member) {
    return member.settings().get(MOMENTS) == Type.BF16;
  }

  @Override
  public Optimizer create(OptimizerContext from) {
    Settings settings = from.settings();
    Function<OptimizedParameter, AdamW.Treatment> treatments =
        each -> AdamWOptions.treatment(from.groups().of(each.name()), each.decay());
    for (ParameterGroups.Member member : from.groups().members()) {
      if (member.settings().get(MOMENTS) != settings.get(MOMENTS)) {
        throw member.settings().invalid(MOMENTS, "must be the same for all parameters");
      }
    }
    return settings.get(MOMENTS) == Type.BF16
        ? new HalfMomentsAdamW(
            from.parameters(), treatments, settings.get(MOMENTS_SEED), from.known())
        : new AdamW(from.parameters(), treatments, from.known());
  }
}
