package dev.hydra.trainer.run;

import dev.hydra.api.ConfigException;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.PathChange;
import dev.hydra.libtorch.runtime.Devices;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks the models of all stages before the first step, without memory for them. */
public final class StageCheck {
  private StageCheck() {}

  /**
   * Builds each model on the meta device.
   *
   * @throws ConfigException for what cannot work, with the name of the stage
   */
  public static void of(List<Stage> stages, Components components) {
    int known = 0;
    for (Stage stage : stages) {
      if (stage.growIn() > 0) {
        checkGrowth(stages.get(stage.index() - 1), stage);
      }
      List<FrozenParameters.Rule> rules = stage.frozen().rules();
      List<FrozenParameters.Rule> own = rules.subList(known, rules.size());
      known = rules.size();
      Stages.named(
          stage.name(),
          () -> {
            check(stage, own, components);
            return stage;
          });
    }
  }

  private static void checkGrowth(Stage before, Stage stage) {
    if (PathChange.between(before.model(), stage.model()).stream()
        .noneMatch(change -> change.kind() == PathChange.Kind.ADDED)) {
      throw new ConfigException(
          "stage "
              + stage.name()
              + ": grow-in is "
              + stage.growIn()
              + ", but no path is new in it that could grow in; leave grow-in out");
    }
  }

  private static void check(Stage stage, List<FrozenParameters.Rule> own, Components components) {
    try (PointerScope scope = new PointerScope();
        Model model =
            Model.build(
                stage.model(), components, new Placement(Devices.meta(), ScalarType.Float), 0)) {
      for (FrozenParameters.Rule rule : own) {
        if (model.parameters().all().stream().noneMatch(each -> rule.matches(each.name()))) {
          throw new ConfigException(
              (rule.frozen() ? "freeze" : "thaw")
                  + ": no parameter is like "
                  + rule.glob().text()
                  + "; their names are such as "
                  + model.parameters().all().stream().limit(3).map(Parameter::name).toList());
        }
      }
      if (model.parameters().all().stream()
          .noneMatch(each -> each.spec().trainable() && !stage.frozen().test(each.name()))) {
        throw new ConfigException("freeze leaves nothing to train; thaw something");
      }
    }
  }
}
