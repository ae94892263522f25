package dev.hydra.cli.experiment;

import dev.hydra.cli.page.Numbers;
import dev.hydra.cli.page.Table;
import dev.hydra.experiments.ModelSize;
import dev.hydra.experiments.Study;
import java.util.List;

/** Shows the sizes of the models that an experiment compares. */
public final class SizesTable {
  private SizesTable() {}

  /** Returns the table, a row for each model and task. */
  public static Table of(Study study, List<ModelSize> sizes) {
    return new Table(
        "Sizes",
        "checked to be equal within "
            + Numbers.percent(study.sizes().parameters())
            + " of parameters and "
            + Numbers.percent(study.sizes().flops())
            + " of the FLOPs of a training",
        List.of("", "model", "parameters", "active", "training FLOPs a token", "most steps"),
        sizes.stream()
            .map(
                each ->
                    List.of(
                        each.task(),
                        each.model(),
                        Numbers.whole(each.parameters()),
                        Numbers.whole(each.activeParameters()),
                        Numbers.shorter(each.trainingFlops()),
                        Numbers.whole(each.steps())))
            .toList());
  }
}
