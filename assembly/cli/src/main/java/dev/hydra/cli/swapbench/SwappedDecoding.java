package dev.hydra.cli.swapbench;

import com.typesafe.config.Config;
import dev.hydra.api.Registration;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TextGenerator;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.trainer.run.Experiment;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.bytedeco.pytorch.Device;

/**
 * Draws tokens from a model whose plugins are swapped all the time, one swap after the other, as
 * fast as it goes.
 */
final class SwappedDecoding {
  private static final int TOKENS = 400;
  private static final int[] PROMPT = {1, 2, 3, 4, 5, 6, 7, 8};

  /** Makes the jar of the next version of a plugin. */
  @FunctionalInterface
  interface NextJar {
    Path write() throws IOException;
  }

  /** What was drawn, and what became of the swaps meanwhile. */
  record Drawn(List<Integer> tokens, List<SwapReport> swaps) {}

  private final Model model;
  private final PluginJars plugins;
  private volatile boolean done;

  private SwappedDecoding(Model model, PluginJars plugins) {
    this.model = model;
    this.plugins = plugins;
  }

  /** Draws twice with the same seed: without swaps and with them. */
  static List<Drawn> twice(Config config, PluginJars plugins, Device device, NextJar jars)
      throws IOException {
    ComputeType.Choice choice =
        Experiment.read(config, plugins.registry(), Installation.dataRoots()).trainer().precision();
    Placement precision = new Placement(device, ComputeType.choose(choice, device));
    try (Model model =
        Model.build(ModelSpec.read(config), plugins.components(Map.of()), precision, 0)) {
      Drawn plain;
      try (Swapper idle = new Swapper(model, SwapHost.none())) {
        plain = new Drawn(new SwappedDecoding(model, plugins).draw(idle), List.of());
      }
      return List.of(plain, new SwappedDecoding(model, plugins).underSwaps(jars));
    }
  }

  private Drawn underSwaps(NextJar jars) throws IOException {
    try (Swapper swapper = new Swapper(model, SwapHost.none())) {
      FutureTask<List<SwapReport>> swaps = new FutureTask<>(() -> swapAll(swapper, jars));
      Thread thread = new Thread(swaps, "hydra-bench-swaps");
      thread.start();
      List<Integer> tokens = draw(swapper);
      done = true;
      swapper.close(); // what waits is refused
      return new Drawn(tokens, swaps.get());
    } catch (InterruptedException | ExecutionException e) {
      throw new IOException(e);
    }
  }

  private List<Integer> draw(Swapper swapper) {
    List<Integer> tokens = new ArrayList<>();
    new TextGenerator(model, model.spec().vocabSize(), GenerationSettings.NONE)
        .swapping(swapper)
        .generate(
            new Request(PROMPT, TOKENS, new Sampling(1, 0, 1, 0), Set.of()),
            () -> false,
            tokens::add);
    return tokens;
  }

  private List<SwapReport> swapAll(Swapper swapper, NextJar jars) throws IOException {
    List<SwapReport> reports = new ArrayList<>();
    while (!done) {
      List<Registration> types = PluginJars.components(plugins.add(jars.write()));
      SwapReport report = swapper.swap(SwapRequest.to(types.toArray(Registration[]::new)));
      if (report.switched() || !done) {
        reports.add(report);
      }
    }
    return reports;
  }
}
