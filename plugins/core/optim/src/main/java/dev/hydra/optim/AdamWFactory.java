package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** Creates {@link AdamW} optimizers. */
@HydraPlugin("adamw")
public final class AdamWFactory implements OptimizerFactory {
  /** Creates the factory, for the registry. */
  public AdamWFactory() {}

  @Override
  public List<Option<?>> options() {
    return AdamWOptions.ALL;
  }

  @Override
  public boolean takesGroups() {
    return true;
  }

  @Override
  public boolean takesWorkingGradients(ParameterGroups groups, Tensor master) {
    long ways = groups.members().stream().map(AdamWFactory::kernelConstants).distinct().count();
    return ways == 1 && AdamWKernels.of(master).isPresent();
  }

  /** What has to be the same for all parameters that kernels update together. */
  private static AdamW.Treatment kernelConstants(ParameterGroups.Member member) {
    AdamW.Treatment own = AdamWOptions.treatment(member, false);
    return new AdamW.Treatment(own.constants().withWeightDecay(0), own.rateFactor());
  }

  @Override
  public Optimizer create(OptimizerContext from) {
    return new AdamW(
        from.parameters(),
        each -> AdamWOptions.treatment(from.groups().of(each.name()), each.decay()),
        from.known());
  }
}
