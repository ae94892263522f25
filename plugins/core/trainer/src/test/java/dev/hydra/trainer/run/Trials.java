package dev.hydra.trainer.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.ByteTokenizerFactory;
import dev.hydra.data.Dataset;
import dev.hydra.data.TextSourceFactory;
import dev.hydra.ffn.moe.MoeFactory;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.memory.pkm.ProductKeyMemoryFactory;
import dev.hydra.memory.workspace.WorkspaceFactory;
import dev.hydra.mixer.attention.SparseGlobalFactory;
import dev.hydra.mixer.mamba.Mamba2Factory;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.ConstantScheduleFactory;
import dev.hydra.optim.CosineScheduleFactory;
import dev.hydra.optim.LinearScheduleFactory;
import dev.hydra.optim.LionFactory;
import dev.hydra.optim.MuonFactory;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.metrics.MetricLine;
import dev.hydra.trainer.metrics.MetricsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;

/** Small training runs with a component of every kind. */
public final class Trials {
  public static final Components COMPONENTS =
      Components.of(
          new Mamba2Factory(),
          new SparseGlobalFactory(),
          new MoeFactory(),
          new ChunkTopKRouterFactory(),
          new WorkspaceFactory(),
          new ProductKeyMemoryFactory());

  public static final PluginRegistry PLUGINS =
      PluginRegistry.of(
          new ByteTokenizerFactory(),
          new TextSourceFactory(),
          new AdamWFactory(),
          new LionFactory(),
          new MuonFactory(),
          new MomentumFactory(),
          new CosineScheduleFactory(),
          new LinearScheduleFactory(),
          new ConstantScheduleFactory());

  private static final String CONFIG =
      """
      model {
        vocab-size = 256, width = 16, depth = 2
        block {
          topology = parallel
          paths = [
            { mixer { type = mamba2, state = 8, head-dim = 8, chunk = 8 } }
            { mixer { type = sparse-global, heads = 2, window = 8, global-every = 4 }, at = 1 }
            { ffn { type = moe, experts = 4, hidden = 16,
                    router { type = chunk-topk, chunk = 8, top-k = 2, bias-rate = 0.01 } }, gate = 0.5 }
            { memory { type = workspace, slots = 4, dim = 8, heads = 2, chunk = 8 }, gate = learned }
            { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 },
              gate = learned, at = 1 }
          ]
        }
      }
      data { files = [corpus.txt], sequence-length = 32, validation-fraction = 0.1 }
      optimizer { learning-rate = 1e-2 }
      trainer {
        steps = 8, batch-size = 4, precision = fp32
        evaluation { every = 0 }, checkpoint { every = 0 }
      }
      """;

  private Trials() {}

  /** A corpus that can be learnt, in a folder. */
  static Path corpus(Path folder) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 1500; i++) {
      text.append(i % 7).append(" and ").append(i * i % 11).append(" are numbers\n");
    }
    Files.writeString(folder.resolve("corpus.txt"), text);
    return folder;
  }

  public static Experiment experiment(String overrides) {
    Config config =
        ConfigFactory.parseString(overrides).withFallback(ConfigFactory.parseString(CONFIG));
    return Experiment.read(config.resolve(), PLUGINS, java.util.List.of());
  }

  /** A trainer for the corpus in {@code folder}. */
  static Trainer trainer(Path folder, Path run, String overrides, Events events)
      throws IOException {
    return trainer(folder, run, overrides, events, COMPONENTS);
  }

  /** Trains to the end. */
  static Events run(Path folder, Path run, String overrides) throws IOException {
    Events events = new Events();
    try (Trainer trainer = trainer(folder, run, overrides, events)) {
      trainer.run(() -> false);
    }
    return events;
  }

  /** Makes the same trainer with these components. */
  static Trainer trainer(
      Path folder, Path run, String overrides, Events events, Components components)
      throws IOException {
    return trainer(folder, run, overrides, events, components, Devices.cpu());
  }

  /** Makes the same trainer on a device. */
  static Trainer trainer(
      Path folder, Path run, String overrides, Events events, Components components, Device device)
      throws IOException {
    Experiment experiment = experiment(overrides);
    List<Dataset> datasets = experiment.open(List.of(folder), bytes -> {});
    return new Trainer(experiment, datasets, components, device, new RunFolder(run), events);
  }

  /** The metrics of a kind that a run has written. */
  static List<MetricLine> metrics(Path run, String kind) throws IOException {
    return new MetricsFile(run.resolve("metrics.jsonl"))
        .all().stream().filter(line -> line.kind().equals(kind)).toList();
  }

  /** Remembers what a run said. */
  static final class Events implements TrainingListener {
    final List<StageReport> stages = new ArrayList<>();
    final List<StepReport> steps = new ArrayList<>();
    final List<Score> scores = new ArrayList<>();
    final List<Path> checkpoints = new ArrayList<>();
    final List<String> warnings = new ArrayList<>();
    final List<Swapper> started = new ArrayList<>();

    /** Is told of swaps, on the thread that asked. */
    Consumer<SwapReport> heard = report -> {};

    List<Double> losses() {
      return steps.stream().map(StepReport::loss).toList();
    }

    @Override
    public void started(Swapper swapper) {
      assertEquals(0, steps.size(), "before the first step");
      started.add(swapper);
    }

    @Override
    public void stageBegan(StageReport report) {
      stages.add(report);
    }

    @Override
    public void stepped(StepReport report) {
      steps.add(report);
    }

    @Override
    public void evaluated(long step, Score score) {
      scores.add(score);
    }

    @Override
    public void checkpointed(long step, Path folder) {
      checkpoints.add(folder);
    }

    @Override
    public void swapped(SwapReport report) {
      heard.accept(report);
    }

    @Override
    public void warned(String message) {
      warnings.add(message);
    }
  }
}
