package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.run.Stage;
import dev.hydra.trainer.run.StageCheck;
import dev.hydra.trainer.run.Stages;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a stage of a training has.
 *
 * @param stage the stage
 * @param parameters the parameters of its model
 * @param trained those of them that are trained
 */
record StageSummary(Stage stage, long parameters, long trained) {
  /** Returns the summaries of all stages of a configuration; none if it has no stages. */
  static List<StageSummary> all(Config config, PluginRegistry plugins, Components components) {
    if (!config.hasPath("trainer.stages")) {
      return List.of();
    }
    List<Stage> stages = Stages.read(config, plugins);
    StageCheck.of(stages, components);
    List<StageSummary> all = new ArrayList<>();
    for (Stage stage : stages) {
      all.add(of(stage, components));
    }
    return all;
  }

  private static StageSummary of(Stage stage, Components components) {
    try (PointerScope scope = new PointerScope();
        Model model =
            Model.build(
                stage.model(), components, new Placement(Devices.meta(), ScalarType.Float), 0)) {
      model.parameters().freeze(stage.frozen());
      return new StageSummary(
          stage,
          model.parameters().all().stream().mapToLong(each -> each.spec().elements()).sum(),
          model.parameters().all().stream()
              .filter(each -> each.trained())
              .mapToLong(each -> each.spec().elements())
              .sum());
    }
  }

  /** Prints a table, if there are stages. */
  static void print(PrintWriter out, List<StageSummary> all) {
    if (all.isEmpty()) {
      return;
    }
    out.printf(
        "%n%-20s %15s %15s %15s %10s %15s%n",
        "stage", "steps", "parameters", "trained", "sequence", "tokens/step");
    for (StageSummary each : all) {
      out.printf(
          "%-20s %15s %,15d %,15d %,10d %,15d%n",
          each.stage.name(),
          String.format("%,d to %,d", each.stage.begin() + 1, each.stage.until()),
          each.parameters,
          each.trained,
          each.stage.data().sequenceLength(),
          each.stage.tokensPerStep());
    }
    out.flush();
  }

  /** Returns the summary as JSON values. */
  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", stage.name());
    json.put("begin", stage.begin());
    json.put("until", stage.until());
    json.put("parameters", parameters);
    json.put("trained_parameters", trained);
    json.put("sequence_length", stage.data().sequenceLength());
    json.put("tokens_per_step", stage.tokensPerStep());
    return json;
  }
}
