package dev.hydra.experiments;

import com.fasterxml.jackson.jr.ob.JSON;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigRenderOptions;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.Devices;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Everything that the result of a training follows from: two trainings with the same key give the
 * same, whatever the experiment is called.
 */
final class TrialKey {
  private final Map<String, Object> content = new LinkedHashMap<>();

  TrialKey(Study study, Trial trial, Components components, Device device) {
    content.put("task", text(trial.task().config()));
    content.put("model", text(trial.model().config()));
    if (!trial.model().stages().isEmpty()) {
      content.put("stages", trial.model().stages().stream().map(TrialKey::text).toList());
      content.put("grow_in", trial.model().growIn());
    }
    content.put("optimizer", text(study.optimizerConfig(trial.rate())));
    content.put("seed", trial.seed());
    content.put("steps", trial.steps());
    content.put("batch_size", study.budget().batchSize());
    if (study.budget().groupByLength()) {
      content.put("group_by_length", true);
    }
    content.put("evaluate_every", study.budget().evaluateEvery());
    content.put("validation_examples", study.budget().validationExamples());
    content.put("test_examples", study.budget().testExamples());
    content.put("stop_at", study.budget().stopAt());
    content.put("choose_by", study.budget().selection().name());
    content.put("measures", study.measuresConfig().root().render(ConfigRenderOptions.concise()));
    content.put("device", device.is_cuda() ? "cuda" : "cpu");
    if (!device.is_cuda()) {
      content.put("threads", torch.get_num_threads()); // sums are divided among them
    }
    content.put("compute", ComputeType.choose(study.budget().precision(), device).name());
    content.put("deterministic", true); // as every StudyRun is; results from before that are not
    content.put("plugins", plugins(study, trial, components));
  }

  private static List<Object> text(TrialStage stage) {
    return List.of(stage.until(), stage.growIn(), text(stage.model()));
  }

  private static String text(Config config) {
    return config.root().render(ConfigRenderOptions.concise());
  }

  private static List<String> plugins(Study study, Trial trial, Components components) {
    List<PluginId> ids = new ArrayList<>(List.of(trial.task().plugin()));
    study.optimizer(trial.rate()).plugins().stream().map(Registration::plugin).forEach(ids::add);
    try (Model shapes =
        Model.build(
            trial.model().spec(trial.task()),
            components,
            new Placement(Devices.meta(), ScalarType.Float),
            0)) {
      ids.addAll(shapes.plugins());
    }
    return ids.stream().distinct().sorted().map(PluginId::toString).toList();
  }

  /** Returns the values of a JSON object. */
  Map<String, Object> json() {
    return content;
  }

  /** Returns the SHA-256 of it, in hexadecimal digits. */
  String hash() {
    try {
      byte[] text = JSON.std.asString(content).getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
