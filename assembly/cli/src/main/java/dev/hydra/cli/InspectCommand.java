package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelSummary;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.TrainingMemory.Step;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.data.DataSettings;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.TrainerSettings;
import dev.hydra.trainer.run.VocabularySize;
import dev.hydra.trainer.step.OptimizerMemory;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Accounts for a model without making it. */
@Command(
    name = "inspect",
    description = {
      "Shows a model's parts, parameters, FLOPs and memory.",
      "Nothing is allocated: a model of any size can be inspected on any machine."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class InspectCommand implements Callable<Integer> {
  /** What a configuration of a model alone lacks. */
  private static final String STEPS = "trainer.steps = 1, optimizer.learning-rate = 1";

  private final Components components;
  private final PluginRegistry plugins;

  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments config;

  @Option(
      names = "--lengths",
      split = ",",
      paramLabel = "TOKENS",
      description = "Sequence lengths to account for (default: 1024,8192).")
  private List<Long> lengths = List.of(1024L, 8192L);

  @Option(
      names = "--batch",
      paramLabel = "N",
      description =
          "Sequences of a training step to account for (default: ${DEFAULT-VALUE}). What"
              + " optimizer, trainer.recompute, trainer.accumulate and trainer.ema change is counted,"
              + " too.")
  private long batch = 1;

  @Option(names = "--compute", paramLabel = "fp32|bf16", description = "Type for memory figures.")
  private ComputeType.Choice compute = ComputeType.Choice.BF16;

  @Mixin private StateTypeArgument states;

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  InspectCommand(Components components, PluginRegistry plugins) {
    this.components = components;
    this.plugins = plugins;
  }

  @Override
  public Integer call() throws IOException {
    if (lengths.stream().anyMatch(length -> length < 1)) {
      throw new UsageException("--lengths must be at least 1");
    }
    if (batch < 1) {
      throw new UsageException("--batch must be at least 1");
    }
    Config written = Installation.withAbsoluteData(config.load(), config.file());
    ConfigFiles.allow(written, Experiment.PARTS);
    config.warnUnread(spec, "generation");
    Config loaded =
        VocabularySize.resolve(
            written,
            () ->
                DataSettings.read(ConfigFiles.part(written, "data"), plugins)
                    .tokenizer(Installation.dataRoots()));
    List<StageSummary> stages = StageSummary.all(loaded, plugins, components);
    ModelSpec model = ModelSpec.read(loaded);
    Config whole = loaded.withFallback(ConfigFactory.parseString(STEPS));
    TrainerSettings trainer = TrainerSettings.read(ConfigFiles.part(whole, "trainer"));
    OptimizerSettings optimizer = trainer.optimizer(whole, plugins);
    ScalarType type = ComputeType.choose(compute, Devices.cpu());
    Placement placement = new Placement(Devices.meta(), ScalarType.Float, states.type());
    try (PointerScope scope = new PointerScope();
        Model built = Model.build(model, components, placement, 0)) {
      states.warn(spec, "the model", built);
      double state = OptimizerMemory.bytes(built, optimizer);
      Step step = new Step(batch, 1, trainer.recompute(), trainer.accumulate() > 1, state);
      ModelSummary account = ModelSummary.of(built, type, lengths, step);
      PrintWriter out = spec.commandLine().getOut();
      if (json) {
        Map<String, Object> all = ModelSummaryReport.json(model, account);
        if (!stages.isEmpty()) {
          all.put("stages", stages.stream().map(StageSummary::json).toList());
        }
        out.println(Json.line(all));
      } else {
        ModelSummaryReport.print(out, model, account, type, step, optimizer.type());
        StageSummary.print(out, stages);
      }
    }
    return 0;
  }
}
